"""Intents: what people ask for in their own words, as one of a list, with what they told besides."""
