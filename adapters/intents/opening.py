"""Whose second opinion a URL names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from adapters.intents.local import LocalIntents
from adapters.intents.openai import OpenAIIntents

if TYPE_CHECKING:
    from adapters.intents.port import Intents
    from adapters.openai import OpenAI


def open_intents(url: str, *, openai: OpenAI | None) -> Intents:
    """The variant that `url` names: `local://`, or `openai://MODEL`, which asks by `openai`. Raises ValueError."""
    parts = urlsplit(url)
    match parts.scheme:
        case "local":
            return LocalIntents()
        case "openai":
            if openai is None or not parts.netloc or parts.path.strip("/"):
                raise ValueError("openai://MODEL names a model.")
            return OpenAIIntents(openai, parts.netloc)
        case scheme:
            raise ValueError(f"Intents are resolved by local:// or openai://MODEL, not by {scheme!r}.")
