"""Accounts: the viewer, coming and going, and what owners and administrators do."""
