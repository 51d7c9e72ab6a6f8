"""What people call their passkeys."""

from __future__ import annotations

import unicodedata

from core.errors import BadUserInput

LONGEST = 100


def cleaned(name: str | None) -> str | None:
    """A name in NFKC, trimmed; None when nothing is left. Raises BadUserInput."""
    text = unicodedata.normalize("NFKC", (name or "")[: LONGEST * 4]).strip()
    if len(text) > LONGEST or not text.isprintable():
        raise BadUserInput(f"name has at most {LONGEST} characters, all of them printable.")
    return text or None
