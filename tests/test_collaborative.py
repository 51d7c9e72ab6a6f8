"""Models of what people did alike: fitted, kept as bytes, read again, and ranked by."""

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from services.recommendations.blending import Weights, alike, weights
from services.recommendations.collaborative import fitting
from services.recommendations.collaborative.fitting import Met, fitted
from services.recommendations.collaborative.model import Model, Neighbours, UnreadableModel, decoded
from services.recommendations.recency import recency


@dataclass(frozen=True)
class Seen:
    """An item of a history."""

    item_id: int
    weight: float = 1.0


TABLE = Neighbours(
    np.array([0, 3, 5, 5, 5]),
    np.array([1, 2, 3, 2, 3], np.uint32),
    np.array([0.5, 0.25, -0.5, 0.5, 0.25], np.float16),
)
EMPTY = Neighbours(np.zeros(5, np.int64), np.empty(0, np.uint32), np.empty(0, np.float16))


def met(*rows: tuple[int, int, float]) -> Met:
    people, items, times = zip(*rows, strict=True)
    return Met(np.array(people), np.array(items), np.array(times, np.float64))


def crowd(people: int = 60, items: int = 30, seed: int = 3) -> Met:
    """People who each met about a third of the items, of even or odd numbers above all."""
    rng = np.random.default_rng(seed)
    chances = np.where((np.arange(people)[:, None] + np.arange(items)) % 2, 0.1, 0.5)
    who, what = np.nonzero(rng.random((people, items)) < chances)
    return Met(who, what * 10 + 10, rng.uniform(0, 1e6, len(who)))


def together(seen: Met) -> np.ndarray[Any, Any]:
    """How many people met both of two items."""
    table = np.zeros((seen.people.max() + 1, len(np.unique(seen.items))))
    table[seen.people, np.unique(seen.items, return_inverse=True)[1]] = 1
    return table.T @ table


def matrix(table: Neighbours) -> np.ndarray[Any, Any]:
    """All weights of a table, in a square."""
    count = len(table.starts) - 1
    square = np.zeros((count, count))
    square[np.repeat(np.arange(count), np.diff(table.starts)), table.numbers] = table.weights
    return square


def test_a_ranking_names_its_evidence() -> None:
    """Each item with the one of the history that speaks loudest for it; what was met or is unwanted is not there."""
    model = Model("itemknn", np.array([10, 20, 30, 40]), np.array([3, 5, 5, 0], np.float32), TABLE, EMPTY)
    assert model.rank([Seen(10)], limit=9) == [(20, 1.0, 10), (30, 0.5, 10)]
    assert model.rank([Seen(10), Seen(20, 0.25), Seen(99)], limit=9) == [(30, 0.75, 10)]
    assert model.rank([Seen(10, 0.25), Seen(20)], limit=9) == [(30, 1.0, 20), (40, 0.125 / 0.5625, 20)]
    assert model.rank([Seen(10, 0.25), Seen(20)], limit=1) == [(30, 1.0, 20)]
    assert model.rank([Seen(20)], limit=9, without={30, 77}) == [(40, 0.5, 20)]
    assert model.rank([Seen(20, 0.5), Seen(20), Seen(20, 0.25)], limit=1) == [(30, 1.0, 20)]
    both = replace(model, alike=TABLE).rank([Seen(20)], limit=9)
    assert [(item, round(score, 6), why) for item, score, why in both] == [(30, 1.95, 20), (40, 0.975, 20)]
    assert model.rank([], limit=9) == model.rank([Seen(99)], limit=9) == model.rank([Seen(10)], limit=0) == []
    assert model.rank([Seen(10, 0.0)], limit=9) == []
    assert model.popular(2) == [(20, 5.0), (30, 5.0)]
    assert model.popular(9, without=[20]) == [(30, 5.0), (10, 3.0)]


@pytest.mark.parametrize("block", [512, 7])
def test_ease_is_what_its_paper_says(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """The weights are those of the closed form, where enough people stand behind a pair; the same bytes each time."""
    monkeypatch.setattr(fitting, "BLOCK", block)
    seen = crowd()
    pairs = together(seen)
    inverse = np.linalg.inv(pairs + fitting.RIDGE * np.eye(len(pairs)))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0.0)
    expected[pairs < fitting.FEWEST_PEOPLE] = 0.0
    model = fitted(seen)
    assert model.kind == "ease"
    np.testing.assert_allclose(matrix(model.leading), expected, atol=1e-4)
    shuffled = np.random.default_rng(1).permutation(len(seen.people))
    again = fitted(Met(seen.people[shuffled], seen.items[shuffled], seen.times[shuffled]))
    assert again.encoded() == model.encoded()
    first = model.rank([Seen(10)], limit=5)
    assert first
    assert all(item % 20 == 10 for item, _, _ in first)


def test_too_many_items_are_left_to_the_likeness_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what EASE can solve weights are shrunk cosines, of the nearest alone."""
    monkeypatch.setattr(fitting, "EASE_ITEMS", 10)
    monkeypatch.setattr(fitting, "BLOCK", 7)
    seen = crowd()
    pairs = together(seen)
    norms = np.sqrt(np.diag(pairs))
    expected = pairs / (np.outer(norms, norms) + fitting.KNN_SHRINKAGE)
    np.fill_diagonal(expected, 0.0)
    expected[pairs < fitting.FEWEST_PEOPLE] = 0.0
    model = fitted(seen)
    assert model.kind == "itemknn"
    np.testing.assert_allclose(matrix(model.leading), expected, atol=1e-3)
    monkeypatch.setattr(fitting, "KNN_NEIGHBOURS", 4)
    near = fitted(seen)
    assert np.diff(near.leading.starts).max() == 4
    assert matrix(near.leading)[3].max() == matrix(model.leading)[3].max()


def test_nobody_is_read_from_the_neighbours() -> None:
    """Two people who alone met two items: neither leads to the other, and neither is popular; with a third, they do."""
    seen = crowd(people=20)
    rows = list(zip(seen.people, seen.items, seen.times, strict=True))
    rare = [(100 + n, item, 5.0) for n in range(2) for item in (1, 2, 10)]
    model = fitted(met(*rows, *rare))
    assert model.rank([Seen(1)], limit=99) == model.rank([Seen(2)], limit=99) == []
    assert not {1, 2} & {item for item, _ in model.popular(99)}
    third = fitted(met(*rows, *rare, (103, 1, 5.0), (103, 2, 5.0)))
    assert [item for item, _, _ in third.rank([Seen(1)], limit=99)] == [2]
    assert {1, 2} < {item for item, _ in third.popular(99)}


def test_popularity_fades() -> None:
    """Three people lately are more than five long ago; without a half-life they are not. Each person counts once."""
    old, new = [(n, 1, 0.0) for n in range(5)], [(n, 2, fitting.POPULARITY_HALF_LIFE) for n in range(3)]
    seen = met(*old, *new, (0, 2, 1.0), (0, 2, 2.0))
    assert fitted(seen).popular(9) == [(2, 3.0), (1, 2.5)]
    assert fitted(seen, half_life=None).popular(9) == [(1, 5.0), (2, 3.0)]


def test_what_was_refused_later_is_not_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest word counts, in whichever order they came; and of one person the latest items."""
    seen = met((1, 1, 9.0), (1, 1, 3.0), (1, 2, 3.0), (1, 2, 9.0), (1, 3, 5.0), (2, 1, 1.0))
    liked = np.array([False, True, False, True, True, True])
    found = fitting.bounded(seen, liked)
    assert list(zip(found.people, found.items, found.times, strict=True)) == [(1, 2, 9.0), (1, 3, 5.0), (2, 1, 1.0)]
    monkeypatch.setattr(fitting, "MOST_OF_ONE", 1)
    assert fitting.bounded(seen, liked).items.tolist() == [2, 1]


def test_a_model_survives_its_bytes() -> None:
    """What was written is read again; nothing met makes a model that ranks nothing."""
    for model in (fitted(crowd()), fitted(Met(np.empty(0, int), np.empty(0, int), np.empty(0)))):
        again = decoded(model.encoded())
        assert again.kind == model.kind
        assert again.rank([Seen(10)], limit=9) == model.rank([Seen(10)], limit=9)
        assert again.popular(9) == model.popular(9)
        assert again.encoded() == model.encoded()


def test_what_is_no_model_is_refused() -> None:
    """Cut short, of other arrays, with numbers that lead nowhere, or with objects, which are never unpacked."""
    model = fitted(crowd())
    whole, table = model.encoded(), model.leading
    objects = io.BytesIO()
    np.savez(objects, kind=np.array([print], dtype=object))
    damaged = [
        b"",
        b"no archive",
        whole[:-40],
        whole[: len(whole) // 2],
        objects.getvalue(),
        replace(model, leading=replace(table, numbers=table.numbers + np.uint32(99))).encoded(),
        replace(model, alike=replace(table, starts=table.starts[:-1])).encoded(),
        replace(model, alike=replace(table, weights=np.full_like(table.weights, np.nan))).encoded(),
        replace(model, items=model.items[::-1].copy()).encoded(),
        replace(model, popularity=model.popularity.astype(np.float64)).encoded(),
    ]
    for content in damaged:
        with pytest.raises(UnreadableModel):
            decoded(content)


def test_the_weights_follow_the_evidence() -> None:
    """Interests lead while they are all there is; what others did leads from the first item on; popularity fades."""
    assert weights(0, 0) == Weights(interests=0.0, medoids=0.0, collaborative=0.0, popular=1.0, fresh=0.05)
    assert weights(0, 3) == Weights(interests=1.0, medoids=0.0, collaborative=0.0, popular=0.25, fresh=0.05)
    one, ten = 0.75 * (1 - 1 / 30), 0.75 * (1 / 10 - 1 / 30)
    assert weights(1, 3) == Weights(interests=0.1, medoids=0.1, collaborative=1.0, popular=one, fresh=0.05)
    assert weights(10, 0) == Weights(interests=0.0, medoids=0.1, collaborative=1.0, popular=ten, fresh=0.05)
    assert [alike(0), alike(10), alike(20), alike(99)] == [1.0, 0.5, 0.0, 0.0]
    assert weights(30, 0).popular == weights(500, 0).popular == 0.0


def test_the_newest_counts_most() -> None:
    """The part that fades is halved by every five newer items; the other one stays."""
    assert recency(0) == 1.0
    assert recency(5) == pytest.approx(0.05 + 0.95 / 2)
    assert recency(199) == pytest.approx(0.05)
