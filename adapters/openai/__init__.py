"""OpenAI, spoken to by its SDK: one client and one breaker for everything that asks it."""

from adapters.openai.asking import Asked, OpenAI, Refused

__all__ = ["Asked", "OpenAI", "Refused"]
