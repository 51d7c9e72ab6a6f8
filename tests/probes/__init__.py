"""What an attacker tries, as tables: each probe is a name, what is sent, and the one answer that is right.

All of it goes to a running server of the production profile.
"""
