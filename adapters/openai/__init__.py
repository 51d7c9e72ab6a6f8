"""OpenAI, spoken to by its SDK: one client and one breaker for everything that asks it."""

from adapters.openai.asking import Asked, NotAsked, OpenAI, Refused
from adapters.openai.models import DeadModel, refuse_dead

__all__ = ["Asked", "DeadModel", "NotAsked", "OpenAI", "Refused", "refuse_dead"]
