"""Sentences that wait for their reader: written in English where they belong, translated when it is known for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Money:
    """An amount in whole minor units of a currency."""

    amount: int
    currency: str


@dataclass(frozen=True)
class Country:
    """A country by its ISO 3166 code."""

    code: str


@dataclass(frozen=True)
class Phrase:
    """An English sentence with places such as `%(plan)s`, and what stands in them. A bare `%` is written `%%`."""

    singular: str
    plural: str | None = None
    number: int = 1
    values: Mapping[str, Told] = field(default_factory=dict)


Told = str | int | date | datetime | timedelta | Money | Country | Phrase
"""What a reader is told, in their words and formats. Text stands as it is: names, numbers of invoices, addresses."""


def phrase(message: str, **values: Told) -> Phrase:
    """A sentence. `make translations` finds the calls, so `message` is a literal."""
    return Phrase(message, values=values)


def phrases(singular: str, plural: str, number: int, **values: Told) -> Phrase:
    """A sentence about a number of things, which stands at `%(number)s`. Both are literals."""
    return Phrase(singular, plural, number, values | {"number": number})


def label(text: str) -> str:
    """The name of a row of facts, a literal: it stays English in a payload, and is translated when it is told."""
    return text


_FORMS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Told]]] = {
    "money": (Money, lambda money: [money.amount, money.currency], lambda kept: Money(*kept)),
    "country": (Country, lambda country: country.code, Country),
    "moment": (datetime, datetime.isoformat, datetime.fromisoformat),
    "day": (date, date.isoformat, date.fromisoformat),
    "seconds": (timedelta, timedelta.total_seconds, lambda kept: timedelta(seconds=kept)),
}
"""How payloads name what JSON has no word for, and what turns it to JSON and back. A moment is a day as well."""


def packed(told: Told) -> Any:
    """What is told, as the payload of a job keeps it. Text and numbers stay as they are."""
    if isinstance(told, Phrase):
        parts = {name: packed(value) for name, value in told.values.items()}
        return {"phrase": [told.singular, told.plural, told.number, parts]}
    for name, (kind, pack, _) in _FORMS.items():
        if isinstance(told, kind):
            return {name: pack(told)}
    return told


def unpacked(kept: Any) -> Told:
    """What `packed` has packed."""
    if not isinstance(kept, dict):
        assert isinstance(kept, str | int)
        return kept
    [(name, value)] = kept.items()
    if name == "phrase":
        singular, plural, number, parts = value
        return Phrase(singular, plural, number, {name: unpacked(part) for name, part in parts.items()})
    return _FORMS[name][2](value)
