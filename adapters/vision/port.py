"""What we ask of vision."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from adapters.images import Picture

DEADLINE = 10.0
"""Seconds for all of it."""
MOST_TAGS = 8
PRECISION = 2
"""Decimals of a confidence."""


@dataclass(frozen=True)
class Seen:
    """What was seen. Confidences are from 0 to 1, tags are of the vocabulary, the surest first."""

    tags: tuple[tuple[str, float], ...]
    confidence: float
    model: str
    prompt_version: str
    tokens: int = 0
    """What it cost, question and answer together."""
    output_tokens: int = 0
    """Those of the answer among them, which are dearer."""


@runtime_checkable
class Vision(Protocol):
    """Looks at pictures."""

    @property
    def model(self) -> str:
        """Who looks."""
        ...

    @property
    def prompt_version(self) -> str:
        """Changes whenever the same picture might be seen otherwise."""
        ...

    @property
    def most_tokens(self) -> int:
        """The most that one look can cost; 0 where it costs nothing."""
        ...

    async def look(
        self, picture: Picture, caption: str, *, safety_identifier: str = "", deadline: float = DEADLINE
    ) -> Seen:
        """What a picture shows. `caption` is what its owner says of it, empty when nothing is said.

        `safety_identifier` tells a vendor one person from another, and not who it is. Raises `adapters.images.Unusable`
        for a picture that will not be looked at, and Unavailable when there is no answer within `deadline` seconds.
        """
        ...


def told(tags: Sequence[tuple[str, float]], allowed: frozenset[str]) -> tuple[tuple[str, float], ...]:
    """Tags as they may be told, whoever said them: allowed ones, each once, bounded in number and confidence."""
    best: dict[str, float] = {}
    for tag, confidence in tags:
        if tag in allowed and math.isfinite(confidence):
            best[tag] = max(best.get(tag, 0.0), round(min(1.0, max(0.0, confidence)), PRECISION))
    ordered = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(pair for pair in ordered if pair[1] > 0)[:MOST_TAGS]
