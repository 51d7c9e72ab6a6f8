"""`catalogue.yaml`, read and checked before any row is touched."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection

CATALOGUE_FILE = Path(__file__).resolve().parent.parent.parent / "catalogue.yaml"


class ItemsError(Exception):
    """The file says something that cannot be recommended. The message names the item and the field."""


@dataclass(frozen=True)
class Entry:
    """One item as the file has it."""

    key: str
    position: int
    category: str
    title: str
    summary: str
    tags: list[str]
    requires: str | None = None
    available_from: datetime | None = None
    available_until: datetime | None = None

    @property
    def words(self) -> str:
        """What is searched in."""
        return normalised(" ".join([self.title, self.summary, self.category, *self.tags]))


def read_entries(path: Path = CATALOGUE_FILE, *, features: Collection[str] = ()) -> list[Entry]:
    """The entries of the file, placed so that a walk through them goes round the categories.

    What an item requires must be one of `features`. Raises ItemsError.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # ruff: ignore[unsafe-yaml-load] -- both are safe loaders
        shelves: dict[str, list[dict[str, Any]]] = {category["key"]: [] for category in document["categories"]}
        for item in document["items"]:
            shelves[item["category"]].append(item)
        rounds = [item for shelf in zip_longest(*shelves.values()) for item in shelf if item is not None]
        return [_entry(item, position, features) for position, item in enumerate(rounds, start=1)]
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ItemsError(f"{path.name}: {type(error).__name__}: {error}") from error


def _entry(item: dict[str, Any], position: int, features: Collection[str]) -> Entry:
    key, requires = item["key"], item.get("requires")
    if requires is not None and requires not in features:
        raise ValueError(f"{key}.requires: a feature of plans.yaml would be right")
    since, until = (_instant(item.get(name), f"{key}.{name}") for name in ("available_from", "available_until"))
    if since and until and since >= until:
        raise ValueError(f"{key}.available_until: a time after available_from would be right")
    return Entry(
        key=key,
        position=position,
        category=item["category"],
        title=item["title"],
        summary=item["summary"],
        tags=list(item["tags"]),
        requires=requires,
        available_from=since,
        available_until=until,
    )


def _instant(given: object, field: str) -> datetime | None:
    """A time with its offset; a date is the beginning of that day in UTC."""
    if given is None:
        return None
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise ValueError(f"{field}: a time with its offset would be right, as in 2026-12-01T09:00:00Z")
        return given.astimezone(UTC)
    if isinstance(given, date):
        return datetime.combine(given, time(), UTC)
    raise ValueError(f"{field}: a date or a time would be right")


def normalised(text: str) -> str:
    """One spelling for searching: NFKC, without case."""
    return unicodedata.normalize("NFKC", text).casefold()
