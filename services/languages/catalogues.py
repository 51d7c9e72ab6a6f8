"""Translations: one gettext catalogue a language, read as it is written, so that no compiled file can be stale."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

    from babel.messages import Catalog

SOURCE = "en"
"""The language that sentences are written in."""
LOCALES = Path(__file__).parent / "locales"
LANGUAGES = frozenset({SOURCE, *(file.stem for file in LOCALES.glob("*.po"))})
"""What letters are written in."""


@cache
def translations(language: str) -> NullTranslations:
    """What turns English sentences into one of `LANGUAGES`. The first call reads the file: some milliseconds."""
    from gettext import GNUTranslations, NullTranslations  # ruff: ignore[import-outside-top-level] -- start time

    from babel.messages.mofile import write_mo  # ruff: ignore[import-outside-top-level] -- start time

    if language == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read_catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def read_catalogue(language: str) -> Catalog:
    """The catalogue of a language, with what is out of date in it."""
    from babel.messages.pofile import read_po  # ruff: ignore[import-outside-top-level] -- start time

    with (LOCALES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)
