"""Fraud: who takes a second trial, told by reasons that a person can read and contest."""
