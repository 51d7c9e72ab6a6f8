"""Which vision a URL names."""

from urllib.parse import urlsplit

from adapters.openai import OpenAI
from adapters.vision.local import LocalVision
from adapters.vision.port import Vision


def open_vision(url: str, *, openai: OpenAI | None) -> Vision:
    """The variant that `url` names: `local://`, or `openai://MODEL`, which asks by `openai`."""
    parts = urlsplit(url)
    if parts.scheme == "local":
        return LocalVision()
    if parts.scheme == "openai" and parts.netloc and openai is not None:
        from adapters.vision.openai import OpenAIVision  # ruff: ignore[import-outside-top-level] -- chosen by URL

        return OpenAIVision(openai, parts.netloc)
    raise ValueError("Pictures are looked at by local:// or openai://MODEL.")
