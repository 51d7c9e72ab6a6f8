"""From counts to intervals and verdicts: published figures, scipy's, and what must hold for all counts."""

import asyncio
import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.figures.measure import Comparison, Counts, Kind, Measure, added
from services.analytics.figures.statistics import (
    NOTHING,
    Estimate,
    Verdict,
    bootstrap_mean,
    estimate,
    mean,
    quantile,
    quantile_interval,
    value_of,
    verdict,
    wilson,
)
from services.app import App

SCORES = st.dictionaries(st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0]), st.integers(1, 200), min_size=1)


async def nothing(_: App, __: date, ___: date) -> dict[date, Counts]:
    await asyncio.sleep(0)
    return {}


def measure(kind: Kind, comparison: Comparison = Comparison.AT_LEAST, target: float = 0.4) -> Measure:
    return Measure(key="k", name="n", kind=kind, comparison=comparison, target=target, gather=nothing, quantile=0.95)


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # scipy 1.17.1, binomtest(k, n).proportion_ci(method="wilson").
        (80, 200, 0.334606, 0.469163),
        (20, 20, 0.838875, 1.0),
        (850, 1000, 0.826531, 0.870790),
    ],
)
def test_wilson_is_as_published(successes: int, total: int, low: float, high: float) -> None:
    """To the published digits."""
    assert wilson(successes, total) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(
    ("percent", "target", "needed"), [(50, 0.4, 93), (45, 0.4, 369), (42, 0.4, 2305), (90, 0.85, 196), (88, 0.85, 545)]
)
def test_how_many_it_takes_to_claim_a_target(percent: int, target: float, needed: int) -> None:
    """The first number from there on that has this share claims it, and the last one before does not."""
    step = 100 // math.gcd(percent, 100)
    enough, too_few = -(-needed // step) * step, (needed - 1) // step * step
    assert wilson(enough * percent // 100, enough)[0] >= target > wilson(too_few * percent // 100, too_few)[0]


def test_bootstrap_is_scipys() -> None:
    """As of scipy 1.17.1, bootstrap(method="percentile", n_resamples=100,000) of 200 scores. The same each time."""
    scores = {1.0: 3, 2.0: 5, 3.0: 12, 4.0: 60, 5.0: 120}
    low, high = bootstrap_mean(scores)
    assert mean(scores) == 4.445
    assert (low, high) == pytest.approx((4.325, 4.555), abs=0.006)
    assert bootstrap_mean(scores) == (low, high)
    assert bootstrap_mean(dict(reversed(scores.items())) | {4.5: 0}) == (low, high)


@pytest.mark.parametrize(
    ("size", "q", "low", "high"), [(100, 0.5, 40, 60), (100, 0.95, 90, 100), (1000, 0.95, 936, 964)]
)
def test_quantiles_lie_between_order_statistics(size: int, q: float, low: int, high: int) -> None:
    """Of the numbers from 1 on, each its own bucket: ranks within one of scipy's exact quantile_test."""
    numbers = {float(number): 1 for number in range(1, size + 1)}
    below, above = quantile_interval(numbers, q)
    assert (below + 1, above) == pytest.approx((low, high), abs=1)
    assert quantile(numbers, q) == q * size


def test_few_do_not_bound_a_high_quantile() -> None:
    """With 72 nothing says how high the 95th of a hundred is, with 73 the greatest does."""
    assert quantile_interval({1.0: 72}, 0.95) == (0.0, math.inf)
    assert quantile_interval({0.5: 0, 1.0: 73}, 0.95) == (0.5, 1.0)
    assert quantile_interval({1.0: 1}, 0.5) == (-math.inf, math.inf)


@given(SCORES)
def test_a_mean_lies_in_its_interval(scores: dict[float, int]) -> None:
    """And the interval within the scores."""
    low, high = bootstrap_mean(scores)
    assert min(scores) <= low <= mean(scores) + 1e-9
    assert mean(scores) - 1e-9 <= high <= max(scores)


@given(st.integers(0, 3000), st.integers(1, 3000))
def test_a_share_lies_in_its_interval(successes: int, more: int) -> None:
    """And the interval is that of the failures, seen from the other side."""
    total = successes + more
    low, high = wilson(successes, total)
    assert 0 <= low <= successes / total <= high <= 1
    assert wilson(more, total) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(SCORES, st.sampled_from([0.5, 0.95]))
def test_a_quantile_lies_in_its_interval(values: dict[float, int], q: float) -> None:
    """Both are edges of buckets."""
    low, high = quantile_interval(values, q)
    assert low <= quantile(values, q) <= high


@pytest.mark.parametrize(
    ("low", "high", "size", "at_least", "at_most"),
    [
        (0.4, 0.6, 30, Verdict.MET, Verdict.NOT_ENOUGH_DATA),
        (0.41, 0.6, 30, Verdict.MET, Verdict.MISSED),
        (0.39, 0.6, 9999, Verdict.NOT_ENOUGH_DATA, Verdict.NOT_ENOUGH_DATA),
        (0.2, 0.4, 30, Verdict.NOT_ENOUGH_DATA, Verdict.MET),
        (0.2, 0.39, 30, Verdict.MISSED, Verdict.MET),
        (0.41, math.inf, 80, Verdict.MET, Verdict.MISSED),
        (-math.inf, math.inf, 80, Verdict.NOT_ENOUGH_DATA, Verdict.NOT_ENOUGH_DATA),
        (1.0, 1.0, 29, Verdict.NOT_ENOUGH_DATA, Verdict.NOT_ENOUGH_DATA),
        (0.0, 0.0, 20, Verdict.NOT_ENOUGH_DATA, Verdict.NOT_ENOUGH_DATA),
        (None, None, 0, Verdict.NOT_ENOUGH_DATA, Verdict.NOT_ENOUGH_DATA),
    ],
)
def test_a_verdict_needs_the_whole_interval(
    low: float | None, high: float | None, size: int, at_least: Verdict, at_most: Verdict
) -> None:
    """On one side of the target, which itself is right, and at least thirty."""
    found = Estimate(low, low, high, size)
    assert verdict(found, 0.4, Comparison.AT_LEAST) is at_least
    assert verdict(found, 0.4, Comparison.AT_MOST) is at_most


def test_each_kind_has_its_estimate() -> None:
    """And nothing seen is no estimate."""
    assert estimate(measure(Kind.SHARE), Counts.share(80, 200)) == Estimate(0.4, *wilson(80, 200), 200)
    scores = {4.0: 20, 5.0: 20}
    assert estimate(measure(Kind.MEAN), Counts(scores)) == Estimate(4.5, *bootstrap_mean(scores), 40)
    assert estimate(measure(Kind.QUANTILE), Counts({0.1: 90, 0.3: 10})) == Estimate(0.3, 0.0, 0.3, 100)
    for kind in Kind:
        assert estimate(measure(kind), Counts({1.0: 0})) == NOTHING
        assert value_of(measure(kind), Counts()) is None


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=5))
def test_counts_add_up_and_are_stored_as_they_are(shares: list[tuple[int, int]]) -> None:
    """Whatever is pending is not stored: what is stored is final."""
    several = [Counts.share(successes, successes + more, pending=1) for successes, more in shares]
    whole = added(several)
    assert whole.size == sum(each.size for each in several)
    assert whole.pending == len(shares)
    back = Counts.of_json(whole.as_json())
    assert (back.values, back.asked, back.pending, back.settled) == (whole.values, 0, 0, True)
    assert Counts.of_json(Counts({0.1: 3, math.inf: 1}, asked=9).as_json()) == Counts({0.1: 3, math.inf: 1}, asked=9)
