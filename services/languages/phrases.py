"""Sentences that wait for their reader: written in English where they belong, translated when it is known for whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Money:
    """An amount in whole minor units of a currency."""

    amount: int
    currency: str


@dataclass(frozen=True)
class Phrase:
    """An English sentence with places such as `%(plan)s`, and what stands in them. A bare `%` is written `%%`."""

    singular: str
    plural: str | None = None
    number: int = 1
    values: Mapping[str, Told] = field(default_factory=dict)


Told = str | int | date | datetime | timedelta | Money | Phrase
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


def packed(told: Told) -> Any:
    """What is told, as the payload of a job keeps it. Text stays text."""
    match told:
        case Phrase():
            parts = {name: packed(value) for name, value in told.values.items()}
            return {"phrase": [told.singular, told.plural, told.number, parts]}
        case Money():
            return {"money": [told.amount, told.currency]}
        case datetime():
            return {"moment": told.isoformat()}
        case date():
            return {"day": told.isoformat()}
        case timedelta():
            return {"seconds": told.total_seconds()}
        case _:
            return told


def unpacked(kept: Any) -> Told:
    """What `packed` has packed."""
    match kept:
        case {"phrase": [singular, plural, number, parts]}:
            return Phrase(singular, plural, number, {name: unpacked(part) for name, part in parts.items()})
        case {"money": [amount, currency]}:
            return Money(amount, currency)
        case {"moment": moment}:
            return datetime.fromisoformat(moment)
        case {"day": day}:
            return date.fromisoformat(day)
        case {"seconds": seconds}:
            return timedelta(seconds=seconds)
        case _:
            assert isinstance(kept, str | int)
            return kept
