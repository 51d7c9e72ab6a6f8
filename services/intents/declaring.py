"""What people may ask for, read from `intents.yaml` at start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from core.errors import PorchlightError
from core.strict_yaml import read_yaml
from services.access import Permission

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INTENTS_FILE = Path(__file__).resolve().parents[2] / "intents.yaml"
UNKNOWN = "unknown"
"""The name of what is none of the list."""
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
OPERATION = re.compile(r"[a-z][A-Za-z0-9]{0,99}", re.ASCII)
LONGEST_TEXT = 200
"""Characters of a slot that is a text."""
LARGEST_NUMBER = 100_000
FEWEST = 5
"""Phrasings of an intent: each is judged by the three nearest others, and one is left out to calibrate."""
LONGEST_PHRASING = 200
FEWEST_INTENTS = 2
"""How sure one is depends on how far it is ahead of another."""
_FIELDS = {"key", "operation", "permission", "items", "slots", "phrasings", "held_out"}


class IntentsError(PorchlightError):
    """The file of intents says something that cannot be served. The message names the intent and the field."""


class SlotType(StrEnum):
    """What may stand in a slot."""

    PLAN = "plan"
    INTERVAL = "interval"
    CATEGORY = "category"
    NUMBER = "number"
    TEXT = "text"


_BOUNDS = {SlotType.NUMBER: {"unit", "least", "most"}, SlotType.TEXT: {"longest"}}


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What may be told besides. A number counts days, from `least` to `most`; a text has `longest` characters."""

    type: SlotType
    least: int = 0
    most: int = 0
    longest: int = 0

    @property
    def told(self) -> str:
        """What may stand in it, in words."""
        match self.type:
            case SlotType.NUMBER:
                return f"a whole number of days from {self.least} to {self.most}"
            case SlotType.TEXT:
                return f"words of the utterance, at most {self.longest} characters"
        return {"plan": "the key of a plan", "interval": "MONTH or YEAR"}.get(self.type, "the key of a category")


@dataclass(frozen=True, kw_only=True)
class Intent:
    """One thing that people may ask for. `operation` would do it, for who has the `permission`.

    `items`: whether items of the catalogue are the answer. Nothing is learnt from what is `held_out`.
    """

    key: str
    operation: str
    permission: Permission | None = None
    items: bool = False
    slots: Mapping[str, Slot] = field(default_factory=dict)
    phrasings: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class Intents:
    """All intents by key, in the file's order. `outside` is what is none of them."""

    version: int
    intents: dict[str, Intent]
    outside: tuple[str, ...]
    outside_held_out: tuple[str, ...]


def read_intents(path: Path = INTENTS_FILE) -> Intents:
    """The intents in `path`. Raises IntentsError."""
    try:
        return _intents(read_yaml(path))
    except (AttributeError, KeyError, OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise IntentsError(f"{path.name}: {type(error).__name__}: {error}") from error


def _intents(document: dict[str, Any]) -> Intents:
    if document.keys() != {"version", "intents", "outside"}:
        raise ValueError("version, intents and outside, and nothing else, would be right")
    version = _whole("version", document["version"], 1, LARGEST_NUMBER)
    intents = [_intent(entry) for entry in document["intents"]]
    if len(intents) < FEWEST_INTENTS or len({intent.key for intent in intents}) != len(intents):
        raise ValueError(f"{FEWEST_INTENTS} intents or more, each with another key, would be right")
    outside = document["outside"]
    if outside.keys() != {"phrasings", "held_out"}:
        raise ValueError("outside: phrasings and held_out, and nothing else, would be right")
    found = Intents(
        version,
        {intent.key: intent for intent in intents},
        _phrasings("outside.phrasings", outside["phrasings"]),
        _phrasings("outside.held_out", outside["held_out"]),
    )
    _require_different(found)
    return found


def _intent(entry: dict[str, Any]) -> Intent:
    key: object = entry["key"]
    if not isinstance(key, str) or not KEY.fullmatch(key) or key == UNKNOWN:
        raise ValueError(f"{key}: small letters, digits and hyphens make a key, and {UNKNOWN} is taken")
    if wrong := entry.keys() - _FIELDS:
        raise ValueError(f"{key}.{min(map(str, wrong))}: there is no such field")
    operation: object = entry["operation"]
    if not isinstance(operation, str) or not OPERATION.fullmatch(operation):
        raise ValueError(f"{key}.operation: the name of a field of Query or Mutation would be right")
    items: object = entry.get("items", False)
    if not isinstance(items, bool):
        raise TypeError(f"{key}.items: on or off would be right")
    return Intent(
        key=key,
        operation=operation,
        permission=Permission[entry["permission"]] if "permission" in entry else None,
        items=items,
        slots={name: _slot(f"{key}.slots.{name}", name, given) for name, given in entry.get("slots", {}).items()},
        phrasings=_phrasings(f"{key}.phrasings", entry["phrasings"]),
        held_out=_phrasings(f"{key}.held_out", entry["held_out"]),
    )


def _slot(place: str, name: object, given: dict[str, Any]) -> Slot:
    if not isinstance(name, str) or not KEY.fullmatch(name):
        raise ValueError(f"{place}: small letters, digits and hyphens make a name")
    kind = SlotType(given["type"])
    if given.keys() - {"type"} != _BOUNDS.get(kind, set()):
        raise ValueError(f"{place}: a number has a unit, least and most, a text its longest, and no other has any")
    if kind is SlotType.TEXT:
        return Slot(type=kind, longest=_whole(f"{place}.longest", given["longest"], 1, LONGEST_TEXT))
    if kind is SlotType.NUMBER:
        if given["unit"] != "days":
            raise ValueError(f"{place}.unit: days would be right")
        least = _whole(f"{place}.least", given["least"], 0, LARGEST_NUMBER)
        return Slot(type=kind, least=least, most=_whole(f"{place}.most", given["most"], least, LARGEST_NUMBER))
    return Slot(type=kind)


def _phrasings(place: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or len(given) < FEWEST:
        raise ValueError(f"{place}: a list of {FEWEST} or more would be right")
    for text in given:
        if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST_PHRASING:
            raise ValueError(f"{place}: texts of 1 to {LONGEST_PHRASING} characters would be right")
    return tuple(given)


def _require_different(found: Intents) -> None:
    """Refuse a phrasing that stands twice: held out, it would measure nothing."""
    seen: set[str] = set()
    for text in _all_phrasings(found):
        spelling = " ".join(text.casefold().split())
        if spelling in seen:
            raise ValueError(f"{text!r} stands twice")
        seen.add(spelling)


def _all_phrasings(found: Intents) -> Iterator[str]:
    for intent in found.intents.values():
        yield from intent.phrasings
        yield from intent.held_out
    yield from found.outside
    yield from found.outside_held_out


def _whole(place: str, given: object, least: int, most: int) -> int:
    if type(given) is not int or not least <= given <= most:
        raise ValueError(f"{place}: a whole number from {least} to {most} would be right")
    return given
