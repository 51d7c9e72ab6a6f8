"""What a figure is: counts by day, a target, and where the counts come from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import date

    from services.app import App

    Gather = Callable[["App", date, date], Awaitable[dict[date, "Counts"]]]

SUCCESS, FAILURE = 1.0, 0.0
"""The two values of a share."""


class Comparison(StrEnum):
    """On which side of its target a figure should be."""

    AT_LEAST = "AT_LEAST"
    AT_MOST = "AT_MOST"


class Kind(StrEnum):
    """How counts become a value."""

    SHARE = "SHARE"
    """Successes of all: the values are 1 and 0."""
    MEAN = "MEAN"
    """The values are scores."""
    QUANTILE = "QUANTILE"
    """The values are upper bounds of a histogram's buckets, those with nothing in them included."""


@dataclass(frozen=True)
class Counts:
    """How often each value was seen. `asked` is how many were asked for one, where not everybody answers.

    `pending` is how many belong to the same day and cannot be judged yet: they are not in `values`. `settled` is false
    while what was counted may still change.
    """

    values: Mapping[float, int] = field(default_factory=dict)
    asked: int = 0
    pending: int = 0
    settled: bool = True

    @classmethod
    def share(cls, successes: int, total: int, *, pending: int = 0) -> Counts:
        """Counts of a share: `successes` of `total`."""
        return cls({SUCCESS: successes, FAILURE: total - successes}, pending=pending)

    @property
    def size(self) -> int:
        """How many were seen."""
        return sum(self.values.values())

    def as_json(self) -> dict[str, Any]:
        """The counts as they are stored."""
        return {"values": {repr(value): count for value, count in self.values.items()}, "asked": self.asked}

    @classmethod
    def of_json(cls, stored: dict[str, Any]) -> Counts:
        """Counts that were stored: they are final, so nothing is pending."""
        return cls({float(value): count for value, count in stored["values"].items()}, stored["asked"])


def added(several: Iterable[Counts]) -> Counts:
    """All of them together."""
    values: Counter[float] = Counter()
    asked = pending = 0
    for counts in several:
        values.update(counts.values)
        asked, pending = asked + counts.asked, pending + counts.pending
    return Counts(dict(values), asked, pending)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure. `gather` gives the counts of the days (in UTC) from its first date to before its second one.

    `gather` may leave out days without anything, costs a small and fixed number of statements, and never counts
    anything twice. A day is final, and may be frozen, once its counts are settled, nothing of it is pending, and
    `settles` has passed since its end.
    """

    key: str
    name: str
    kind: Kind
    comparison: Comparison
    target: float
    gather: Gather
    quantile: float = 0.5
    """Of a QUANTILE, which one: from 0 to 1."""
    settles: timedelta = timedelta(hours=1)
