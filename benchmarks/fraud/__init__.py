"""A simulated year of sign-ups, honest ones and those of people who farm trials, sent through the public API.

It is a simulation, not a field measurement: what it says holds for the worlds that are written down here.
"""
