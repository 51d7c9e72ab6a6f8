"""Which bucket somebody is in, and which variant they have: by hash alone, so that every process says the same."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import mmh3

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKETS = 10_000
"""A hundredth of a percent each."""
_BITS = 32


def bucket_of(seed: str, who: str) -> int:
    """From 0 to 9,999. A flag at n buckets is on in those below n: whoever has it keeps it while it grows."""
    return _placed(seed, who, BUCKETS)


def variant_of(weights: Mapping[str, int], seed: str, who: str) -> str | None:
    """The variant of somebody, each with the share of its weight. None where there are none."""
    if not weights:
        return None
    bounds = list(accumulate(weights.values()))
    return list(weights)[bisect_right(bounds, _placed(seed, who, bounds[-1]))]


def _placed(seed: str, who: str, places: int) -> int:
    """One of so many places, each as likely as the others to one part in 400,000."""
    return mmh3.hash(f"{seed}:{who}", signed=False) * places >> _BITS
