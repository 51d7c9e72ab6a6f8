"""From counts to a value, its interval of 95 % and a verdict. Pure functions: the same counts always give the same.

A share has Wilson's interval (1927), a mean the percentile bootstrap (Efron 1979) with a fixed seed, a quantile the
interval between two order statistics (Conover, Practical Nonparametric Statistics, 3.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

from services.analytics.figures.measure import SUCCESS, Comparison, Counts, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.analytics.figures.measure import Measure

Z = 1.959963984540054
"""The normal distribution's 0.975 quantile: an interval of 95 %."""
LEAST = 30
"""Fewer than so many say nothing, whatever they say."""
RESAMPLES = 10_000
SEED = 20_260_302


class Verdict(StrEnum):
    """Whether a target is met."""

    MET = "MET"
    MISSED = "MISSED"
    NOT_ENOUGH_DATA = "NOT_ENOUGH_DATA"


@dataclass(frozen=True)
class Estimate:
    """A value, and between which bounds it is with 95 % confidence; None without anything seen.

    A bound is infinite where what was seen does not bound the value.
    """

    value: float | None
    low: float | None
    high: float | None
    size: int


NOTHING = Estimate(None, None, None, 0)


def estimate(measure: Measure, counts: Counts) -> Estimate:
    """What counts say about a measure."""
    value = value_of(measure, counts)
    if value is None:
        return NOTHING
    if measure.kind is Kind.SHARE:
        low, high = wilson(counts.values.get(SUCCESS, 0), counts.size)
    elif measure.kind is Kind.MEAN:
        low, high = bootstrap_mean(counts.values)
    else:
        low, high = quantile_interval(counts.values, measure.quantile)
    return Estimate(value, low, high, counts.size)


def value_of(measure: Measure, counts: Counts) -> float | None:
    """The value of a measure; None without anything seen."""
    if counts.size == 0:
        return None
    if measure.kind is Kind.SHARE:
        return counts.values.get(SUCCESS, 0) / counts.size
    return mean(counts.values) if measure.kind is Kind.MEAN else quantile(counts.values, measure.quantile)


def verdict(found: Estimate, target: float, comparison: Comparison) -> Verdict:
    """MET when the whole interval is on the right side of the target, MISSED when it is on the wrong one.

    Otherwise, and whenever fewer than 30 were seen, there is not enough data.
    """
    if found.low is None or found.high is None or found.size < LEAST:
        return Verdict.NOT_ENOUGH_DATA
    at_least = comparison is Comparison.AT_LEAST
    if found.low >= target if at_least else found.high <= target:
        return Verdict.MET
    if found.high < target if at_least else found.low > target:
        return Verdict.MISSED
    return Verdict.NOT_ENOUGH_DATA


def wilson(successes: int, total: int) -> tuple[float, float]:
    """Wilson's score interval of a share; `total` is at least 1."""
    share, square = successes / total, Z * Z / total
    centre = share + square / 2
    spread = Z * math.sqrt(share * (1 - share) / total + square / (4 * total))
    low, high = (centre - spread) / (1 + square), (centre + spread) / (1 + square)
    # At the ends the formula gives the end itself, but for rounding.
    return (0.0 if successes == 0 else low), (1.0 if successes == total else high)


def mean(values: Mapping[float, int]) -> float:
    """The mean of values by their counts; there is at least one."""
    return math.fsum(value * count for value, count in values.items()) / sum(values.values())


def bootstrap_mean(values: Mapping[float, int]) -> tuple[float, float]:
    """The percentile bootstrap's interval of a mean: drawing with replacement is a multinomial draw of the counts."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    scores = sorted(value for value, count in values.items() if count)
    counts = np.array([values[score] for score in scores], dtype=np.int64)
    size = int(counts.sum())
    drawn = np.random.default_rng(SEED).multinomial(size, counts / size, size=RESAMPLES)
    means = drawn @ np.array(scores) / size
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def quantile(values: Mapping[float, int], q: float) -> float:
    """The upper bound of the bucket that holds the quantile: never less than the quantile itself."""
    return _bucket(values, max(1, math.ceil(q * sum(values.values()))))[1]


def quantile_interval(values: Mapping[float, int], q: float) -> tuple[float, float]:
    """Between the lower edge of one order statistic's bucket and the upper edge of another's.

    Infinite where so few were seen that no order statistic bounds the quantile: from above 73 are needed at 0.95.
    """
    size = sum(values.values())
    spread = Z * math.sqrt(size * q * (1 - q))
    first, last = math.floor(size * q - spread), math.ceil(size * q + spread)
    low = _bucket(values, first)[0] if first >= 1 else -math.inf
    high = _bucket(values, last)[1] if last <= size else math.inf
    return low, high


def _bucket(values: Mapping[float, int], rank: int) -> tuple[float, float]:
    """The edges of the bucket of the observation with this rank, counted from 1."""
    bounds = sorted(values)
    reached = list(accumulate(values[bound] for bound in bounds))
    index = next(index for index, count in enumerate(reached) if count >= rank)
    return (bounds[index - 1] if index else 0.0), bounds[index]
