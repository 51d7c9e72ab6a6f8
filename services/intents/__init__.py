"""Intents: what people ask for in their own words, as one of a list, with what they told besides."""

from services.intents.declaring import UNKNOWN, Intents, IntentsError, read_intents
from services.intents.keeping import IntentKeeper

__all__ = ["UNKNOWN", "IntentKeeper", "Intents", "IntentsError", "read_intents"]
