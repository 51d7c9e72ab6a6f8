"""Intents: a second opinion of what somebody asks for, where our own is not sure."""

from adapters.intents.local import LocalIntents
from adapters.intents.opening import open_intents
from adapters.intents.port import Choice, Intents, Option

__all__ = ["Choice", "Intents", "LocalIntents", "Option", "open_intents"]
