"""What deeds say, how interests cluster and which evidence has a topic's row: the pure parts, by property."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from core.errors import BadUserInput
from models import InteractionKind, Interest, InterestSource
from services.recommendations.profile.clusters import CLUSTERED, medoids, ward
from services.recommendations.profile.learning import FEWEST, Shown, shown
from services.recommendations.profile.signals import DISLIKED, HISTORY, LIKED, WANTED, Deed, told
from services.recommendations.profile.topics import MAX_TOPICS, cleaned, key_of, may_take, strongest
from services.recommendations.recency import recency

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
VIEW, CLICK, SAVE = InteractionKind.VIEW, InteractionKind.CLICK, InteractionKind.SAVE
COMPLETE, DISLIKE, DISMISS = InteractionKind.COMPLETE, InteractionKind.DISLIKE, InteractionKind.DISMISS

deeds = st.lists(
    st.builds(
        Deed,
        st.integers(1, 12),
        st.sampled_from(InteractionKind),
        st.integers(0, 40).map(lambda hours: NOON - timedelta(hours=hours)),
        st.integers(1, 20),
    ),
    max_size=40,
    unique_by=lambda deed: (deed.item_id, deed.kind),
)


def at(hours: float, item_id: int, kind: InteractionKind, times: int = 1) -> Deed:
    """A deed that many hours after noon."""
    return Deed(item_id, kind, NOON + timedelta(hours=hours), times)


@given(deeds, st.randoms(use_true_random=False))
def test_a_story_follows_from_the_moments_alone(done: list[Deed], order: random.Random) -> None:
    """In whichever order deeds are told; each item is in one list, once, the newest first, and no weight is odd."""
    story = told(done)
    assert told(order.sample(done, len(done))) == story
    assert story.met == {deed.item_id for deed in done}
    liked, refused = [[signal.item_id for signal in signals] for signals in (story.history, story.refusals)]
    assert sorted(liked + refused) == sorted(story.met)
    assert story.refused == set(refused)
    for signals in (story.history, story.refusals):
        assert [signal.at for signal in signals] == sorted((signal.at for signal in signals), reverse=True)
        assert all(0 < signal.weight <= recency(rank) for rank, signal in enumerate(signals))


@given(deeds)
def test_a_refusal_stands_until_a_later_wish(done: list[Deed]) -> None:
    """Saved or completed after it was refused, at the same moment not; looking and opening take nothing back."""
    story = told(done)
    for item_id in story.met:
        mine = [deed for deed in done if deed.item_id == item_id]
        against = [deed.at for deed in mine if deed.kind in DISLIKED]
        wanted = [deed.at for deed in mine if deed.kind in WANTED]
        assert (item_id in story.refused) is (bool(against) and not any(each > max(against) for each in wanted))


def test_weights_are_those_of_the_kind_and_fade_by_recency() -> None:
    """The strongest kind counts, at the last moment; who looks again and again dwells, as much as opening says."""
    story = told(
        [at(0, 1, SAVE), at(5, 1, VIEW), at(4, 2, CLICK), at(3, 3, VIEW), at(2, 4, VIEW, 4), at(1, 5, VIEW, 99)]
    )
    fading = [recency(rank) for rank in range(5)]
    assert [(signal.item_id, signal.kind, signal.at) for signal in story.history] == [
        (1, SAVE, NOON + timedelta(hours=5)),
        (2, CLICK, NOON + timedelta(hours=4)),
        (3, VIEW, NOON + timedelta(hours=3)),
        (4, VIEW, NOON + timedelta(hours=2)),
        (5, VIEW, NOON + timedelta(hours=1)),
    ]
    expected = [kind * part for kind, part in zip((0.8, 0.4, 0.1, 0.3, 0.4), fading, strict=True)]
    assert [signal.weight for signal in story.history] == pytest.approx(expected)
    assert set(LIKED) | set(DISLIKED) == set(InteractionKind)
    many = told(at(number, number, CLICK) for number in range(HISTORY + 50))
    assert [signal.item_id for signal in many.history] == list(range(HISTORY + 49, 49, -1))
    assert len(many.met) == HISTORY + 50


vectors = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(vectors, st.integers(1, 30), st.floats(0.1, 3))
def test_ward_is_that_of_scipy(source: np.random.Generator, count: int, apart: float) -> None:
    """The same clusters, at whatever distance the tree is cut."""
    points = source.normal(size=(count, 6))
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    found = {frozenset(cluster) for cluster in ward(squares, apart)}
    labels = fcluster(linkage(points, "ward"), apart, "distance") if count > 1 else [1]
    assert found == {frozenset(np.flatnonzero(np.equal(labels, label)).tolist()) for label in set(labels)}


@given(vectors, st.integers(0, 80), st.integers(1, 5))
def test_medoids_are_items_that_were_met(source: np.random.Generator, count: int, most: int) -> None:
    """At most as many as are asked for, the most important first, and their parts are no more than the whole."""
    points = source.normal(size=(count, 8)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    history = [(number, 0.5 ** (number / 10)) for number in range(count)]
    found = medoids(history, dict(enumerate(points)), most=most)
    assert len(found) <= most
    assert bool(found) is bool(count)
    assert len({item_id for item_id, _ in found}) == len(found)
    assert {item_id for item_id, _ in found} <= set(range(min(count, CLUSTERED)))
    parts = [part for _, part in found]
    assert parts == sorted(parts, reverse=True)
    assert sum(parts) <= 1 + 1e-9


def test_each_cluster_has_its_medoid() -> None:
    """Two directions: each by the item in its middle, the one with more weight first; what has no vector waits."""
    angles = {1: 0.0, 2: 0.1, 3: 0.2, 4: 1.5, 5: 1.55, 6: 1.6}
    known = {number: np.array([math.cos(angle), math.sin(angle)], np.float32) for number, angle in angles.items()}
    history = [(9, 5.0), (4, 1.0), (1, 0.9), (5, 0.8), (2, 0.7), (6, 0.6), (3, 0.5)]
    found = medoids(history, known)
    assert [item_id for item_id, _ in found] == [5, 2]
    assert [part for _, part in found] == pytest.approx([2.4 / 4.5, 2.1 / 4.5])
    assert medoids([(9, 1.0)], known) == medoids([], {}) == ()
    assert medoids([(1, 0.5)], known) == ((1, 1.0),)


def test_topics_are_shown_by_two_items_and_enough_weight() -> None:
    """A category counts whole and a tag half; one item, or looks alone, show nothing; refusals speak against."""
    facts = {number: ["home-cooking", "bread", "Home Cooking"] for number in range(1, 11)} | {20: ["design", "bread"]}
    halves = 0.5 * (0.8 + 0.4 * recency(1))
    bread = Shown("bread", round(halves / (halves + 1.5), 6), 2)
    assert shown(told([at(1, 1, SAVE), at(0, 20, CLICK)]), facts) == {"bread": bread}
    two = told([at(1, 1, SAVE), at(0, 2, SAVE)])
    cooking = 0.8 * (1 + recency(1))
    assert shown(two, facts) == {
        "home cooking": Shown("home cooking", round(cooking / (cooking + 1.5), 6), 2),
        "bread": Shown("bread", round(cooking / 2 / (cooking / 2 + 1.5), 6), 2),
    }
    assert shown(told(at(number, number, VIEW, 20) for number in range(1, 11)), facts) == {}
    assert shown(told([at(1, 1, CLICK), at(0, 2, CLICK)]), facts).keys() == {"home cooking"}
    refused = told([at(1, 1, SAVE), at(0, 2, SAVE), at(3, 3, DISLIKE), at(4, 4, DISMISS)])
    assert shown(refused, facts) == {}
    assert shown(two, {}) == {}


@given(deeds)
def test_what_is_shown_has_weight_and_evidence(done: list[Deed]) -> None:
    """Between 0 and 1, the strongest first, each by at least two items."""
    facts = {number: [f"c{number % 3}", f"t{number % 2}"] for number in range(13)}
    found = list(shown(told(done), facts).values())
    assert all(0 < each.weight < 1 and each.evidence >= FEWEST for each in found)
    assert [each.weight for each in found] == sorted((each.weight for each in found), reverse=True)


@given(st.lists(st.tuples(st.text(max_size=12), st.floats()), max_size=40))
def test_what_may_be_learnt_is_clean_and_little(topics: list[tuple[str, float]]) -> None:
    """Whatever a model says: topics as a person could state them, weights above 0 and at most 1, the strongest few."""
    found = strongest(topics)
    assert len(found) <= MAX_TOPICS
    assert all(0 < weight <= 1 for _, weight in found.values())
    assert cleaned([topic for topic, _ in found.values()]) == {key: topic for key, (topic, _) in found.items()}


def test_topics_have_one_spelling() -> None:
    """A category's key, its name, any case and any width are one topic; of one learnt twice the stronger stays."""
    assert key_of("Personal-Finance") == key_of("personal finance")
    assert cleaned(["ＣＯＯＫＩＮＧ", "cooking ", "home  cooking"]) == {
        "cooking": "COOKING", "home cooking": "home cooking",
    }  # fmt: skip
    assert strongest([("a", 0.2), ("A", 0.4), ("b", 9), ("c", math.inf), ("d", math.nan), ("e", -1), ("", 1)]) == {
        "b": ("b", 1.0), "c": ("c", 1.0), "a": ("A", 0.4),
    }  # fmt: skip
    with pytest.raises(BadUserInput):
        cleaned(["x" * 101])
    triple = "\N{GREEK SMALL LETTER IOTA WITH DIALYTIKA AND TONOS}"
    assert [len(key) for key in cleaned([triple * 66])] == [198]
    with pytest.raises(BadUserInput):
        cleaned([triple * 67])
    assert strongest([(triple * 100, 1.0), ("tea", 0.5)]) == {"tea": ("tea", 0.5)}


def test_who_has_the_row() -> None:
    """What was stated, weighed or erased is the person's; else the stronger has it, and a source may say anew."""

    def row(source: InterestSource, **more: Any) -> Interest:
        return Interest(user_id=1, topic="t", topic_key="t", weight=0.5, source=source, created_at=NOON, **more)

    image, intent = InterestSource.IMAGE, InterestSource.INTENT
    assert may_take(None, 0.1, image)
    for mine in (row(InterestSource.STATED), row(image, corrected_at=NOON), row(image, erased_at=NOON)):
        assert not may_take(mine, 1.0, image)
    assert [may_take(row(image), weight, intent) for weight in (0.4, 0.5, 0.6)] == [False, False, True]
    assert may_take(row(image), 0.1, image)
