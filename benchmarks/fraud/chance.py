"""Chance that is the same each time: streams of random choices, each named by where it is used."""

from __future__ import annotations

import string
from functools import cache
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Thing = TypeVar("Thing")

LETTERS = string.ascii_lowercase
DIGITS = string.digits


@cache
def _harmonic(count: int) -> list[float]:
    return list(accumulate(1 / (rank + 10) for rank in range(count)))


class Chance:
    """A stream of choices. The same seed and names give the same stream, whatever others draw meanwhile."""

    def __init__(self, seed: int, *names: object) -> None:
        self._seed = seed
        self._names = names
        text = "/".join(map(str, (seed, *names)))
        self._random = Random(text)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- worlds are drawn, not secrets

    def part(self, *names: object) -> Chance:
        """A stream of its own."""
        return Chance(self._seed, *self._names, *names)

    def happens(self, share: float) -> bool:
        """True in that share of the cases."""
        return self._random.random() < share

    def between(self, least: float, most: float) -> float:
        """A number, each as likely."""
        return self._random.uniform(least, most)

    def whole(self, least: int, most: int) -> int:
        """A whole number, each as likely, both ends included."""
        return self._random.randint(least, most)

    def around(self, median: float, spread: float) -> float:
        """A log-normal number: half lie below the median, two thirds within a factor of e to the spread."""
        return self._random.lognormvariate(0.0, spread) * median

    def normal(self, mean: float, deviation: float) -> float:
        """A normal number."""
        return self._random.gauss(mean, deviation)

    def of(self, things: Sequence[Thing]) -> Thing:
        """One of them, each as likely."""
        return self._random.choice(things)

    def by_share(self, shares: Mapping[Thing, float]) -> Thing:
        """One of them, by its share."""
        return self._random.choices(list(shares), list(shares.values()))[0]

    def common(self, things: Sequence[Thing]) -> Thing:
        """One of them, the first ones more often: as names are, by the inverse of their rank and ten."""
        return self._random.choices(things, cum_weights=_harmonic(len(things)))[0]

    def text(self, characters: str, length: int) -> str:
        """Characters, each as likely."""
        return "".join(self._random.choices(characters, k=length))

    def shuffled(self, things: Sequence[Thing]) -> list[Thing]:
        """All of them in some order."""
        return self._random.sample(things, len(things))
