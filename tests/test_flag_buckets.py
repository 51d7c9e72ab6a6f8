"""Who has a flag and which variant: by hash alone. Critical values are those of the chi-square tables at 0.1 %."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.flags import Resolution
from services.flags import Flag, FlagKeeper
from services.flags.bucketing import BUCKETS, bucket_of, variant_of
from services.flags.keeping import State

WHO = st.integers(min_value=1, max_value=2**31).map(str)
SEEDS = st.text(min_size=1, max_size=30)
PEOPLE = [str(number) for number in range(1, 50_001)]


def keeper(rollout: int, **more: Any) -> FlagKeeper:
    """What decides about one flag, in so many buckets."""
    flag = Flag(key="f", description="-", default=False, rollout_seed="r", variant_seed="v", **more)
    nothing: Any = None
    deciding = FlagKeeper({"f": flag}, nothing, nothing, nothing)
    deciding._states = {"f": State(rollout, killed=False)}
    return deciding


def decided(deciding: FlagKeeper, who: str) -> Resolution:
    resolution = deciding.resolve("f", who, {})
    assert resolution is not None
    return resolution


def distance(seen: Iterable[int], expected: float) -> float:
    """Pearson's chi-square of cells that should be equal."""
    return sum((each - expected) ** 2 / expected for each in seen)


@given(who=WHO, least=st.integers(0, BUCKETS), most=st.integers(0, BUCKETS))
def test_whoever_has_it_keeps_it_while_it_grows(who: str, least: int, most: int) -> None:
    """And their variant. At 0 nobody has it, at 10,000 everybody."""
    least, most = sorted((least, most))
    weights = {"variants": {"a": 1, "b": 2}}
    before, after = decided(keeper(least, **weights), who), decided(keeper(most, **weights), who)
    if before.enabled:
        assert after == before
    assert not decided(keeper(0), who).enabled
    assert decided(keeper(BUCKETS), who).enabled


@given(who=WHO, seed=SEEDS, weights=st.dictionaries(SEEDS, st.integers(0, 1000), max_size=5))
def test_everybody_is_in_one_bucket_and_has_one_variant(who: str, seed: str, weights: dict[str, int]) -> None:
    """The same each time it is asked; a variant without weight is nobody's."""
    assert 0 <= bucket_of(seed, who) < BUCKETS
    assert bucket_of(seed, who) == bucket_of(seed, who)
    if any(weights.values()):
        assert weights[str(variant_of(weights, seed, who))] > 0
    else:
        assert variant_of({}, seed, who) is None


@pytest.mark.parametrize("seed", ["plan.rollout", "plan.variant", "x"])
def test_buckets_are_as_likely_as_each_other(seed: str) -> None:
    """50,000 people in 100 groups of buckets; the critical value of 99 degrees of freedom is 148.2."""
    groups = Counter(bucket_of(seed, who) // 100 for who in PEOPLE)
    assert len(groups) == 100
    assert distance(groups.values(), 500) < 148.2


def test_seeds_draw_anew() -> None:
    """A variant says nothing of the bucket, nor one flag of another: 10 by 10 cells of 500, 99 degrees of freedom."""
    for one, other in (("f.rollout", "f.variant"), ("f.rollout", "g.rollout"), ("a", "b")):
        cells = Counter((bucket_of(one, who) // 1000, bucket_of(other, who) // 1000) for who in PEOPLE)
        assert len(cells) == 100
        assert distance(cells.values(), 500) < 148.2


def test_a_small_rollout_has_each_variant_by_its_weight() -> None:
    """Of 10 % of the people, a fifth, a half and the rest; the critical value of 2 degrees of freedom is 13.8."""
    weights = {"a": 20, "b": 50, "c": 30}
    deciding = keeper(1000, variants=weights)
    seen = Counter(found.variant for who in PEOPLE if (found := decided(deciding, who)).enabled)
    total = seen.total()
    assert abs(total - 5000) < 220  # 3.3 standard deviations
    assert (
        sum((seen[key] - total * weight / 100) ** 2 / (total * weight / 100) for key, weight in weights.items()) < 13.8
    )


def test_a_hundredth_of_a_percent_is_a_bucket() -> None:
    """0.01 % are one bucket, which holds about five of 50,000."""
    assert [who for who in PEOPLE if decided(keeper(1), who).enabled] == [
        who for who in PEOPLE if bucket_of("r", who) == 0
    ]


def test_what_is_decided_today_is_decided_tomorrow() -> None:
    """Another hash, or another use of it, would draw everybody anew: this one is pinned."""
    assert [bucket_of("onboarding-checklist.rollout", str(who)) for who in (1, 2, 3)] == [2748, 258, 901]
    weights = {"a": 1, "b": 1, "c": 1, "d": 1}
    assert [variant_of(weights, "onboarding-checklist.variant", str(who)) for who in range(1, 7)] == list("ddcbcb")
