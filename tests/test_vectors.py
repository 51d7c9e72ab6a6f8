import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adapters.embeddings import Space
from adapters.vectors import EmbeddedVectors, Neighbour, Vectors, open_vectors
from adapters.vectors.matrix import CHUNK, directions

Vector = NDArray[np.float32]

PLANE = Space("plane", 2, "1")
FOUR = Space("four", 4, "1")
WIDE = Space("wide", 64, "1")

# Directions whose cosines are exact in binary, so that a naive search agrees to the last digit, and ties are ties.
EXACT = [
    np.zeros(4, np.float32),
    *(sign * np.eye(4, dtype=np.float32)[axis] for axis in range(4) for sign in (1, -1)),
    *(np.array(signs, np.float32) for signs in itertools.product((1, -1), repeat=4)),
]


@pytest.fixture(params=["embedded"])
async def vectors(request: pytest.FixtureRequest) -> AsyncIterator[Vectors]:
    opened = open_vectors(f"{request.param}://")
    await opened.open()
    yield opened
    await opened.close()


def vector(*components: float) -> Vector:
    return np.array(components, np.float32)


def many(count: int, space: Space = WIDE, *, seed: int = 1) -> Vector:
    return np.random.default_rng(seed).standard_normal((count, space.dimension), np.float32)


def ids(answers: list[list[Neighbour]]) -> list[list[int]]:
    return [[neighbour.id for neighbour in answer] for answer in answers]


async def nearest(vectors: Vectors, *components: float, limit: int = 10, **filters: Any) -> list[int]:
    """The ids that are found on the plane."""
    return ids(await vectors.search(PLANE, vector(*components)[np.newaxis], limit=limit, **filters))[0]


def naive(
    stored: dict[int, Vector], query: Vector, limit: int, among: Collection[int] | None, without: Collection[int]
) -> list[Neighbour]:
    """What a search finds, by the definition."""
    exact = query.astype(np.float64)

    def cosine(one: Vector) -> float:
        return float(one @ exact / np.linalg.norm(one) / np.linalg.norm(exact))

    allowed = (set(stored) if among is None else set(among)) - set(without)
    found = [Neighbour(key, cosine(one)) for key, one in stored.items() if key in allowed and one.any() and query.any()]
    return sorted(found, key=lambda neighbour: (-neighbour.score, neighbour.id))[:limit]


# The contract: every variant keeps it.


def test_variant_meets_the_port(vectors: Vectors) -> None:
    """Each variant has what the Protocol names."""
    assert isinstance(vectors, Vectors)


async def test_nearest_come_first(vectors: Vectors) -> None:
    """By the cosine of the angle, from 1 to -1, however long the vectors are."""
    await vectors.put(PLANE, {1: vector(-3, 0), 2: vector(0, 5), 3: vector(0.1, 0), 4: vector(2, 2)})
    (found,) = await vectors.search(PLANE, vector(7, 0)[np.newaxis], limit=10)
    assert [neighbour.id for neighbour in found] == [3, 4, 2, 1]
    assert [neighbour.score for neighbour in found] == pytest.approx([1, 0.5**0.5, 0, -1], abs=1e-6)
    assert all(type(neighbour.id) is int and type(neighbour.score) is float for neighbour in found)


async def test_several_queries_are_answered_in_their_order(vectors: Vectors) -> None:
    """One answer a query; none for none."""
    await vectors.put(PLANE, {1: vector(1, 0), 2: vector(0, 1)})
    queries = np.stack([vector(0, 1), vector(1, 0), vector(0, 2)])
    assert ids(await vectors.search(PLANE, queries, limit=1)) == [[2], [1], [2]]
    assert await vectors.search(PLANE, queries[:0], limit=1) == []


async def test_equal_ones_come_by_id(vectors: Vectors) -> None:
    """Also where the limit cuts through equal ones, and wherever they are stored."""
    equal = many(1, seed=2)[0]
    stored = dict(zip(range(3000), many(3000), strict=True))
    stored |= dict.fromkeys(range(2999, 0, -7), equal)
    await vectors.put(WIDE, stored)
    (found,) = await vectors.search(WIDE, equal[np.newaxis], limit=100)
    assert [neighbour.id for neighbour in found] == sorted(range(2999, 0, -7))[:100]
    assert len({neighbour.score for neighbour in found}) == 1


async def test_put_replaces(vectors: Vectors) -> None:
    """An id has one vector in a space, the last one."""
    await vectors.put(PLANE, {1: vector(1, 0), 2: vector(1, 1)})
    await vectors.put(PLANE, {1: vector(0, 1)})
    assert await nearest(vectors, 1, 0) == [2, 1]


async def test_removed_ids_are_not_found(vectors: Vectors) -> None:
    """In no space; unknown ids are no error, and a removed one may come again."""
    await vectors.put(PLANE, {1: vector(1, 0), 2: vector(1, 1)})
    await vectors.put(FOUR, {1: EXACT[1]})
    await vectors.remove([1, 99])
    await vectors.remove([])
    await vectors.remove({99})
    assert await nearest(vectors, 1, 0) == [2]
    assert await vectors.search(FOUR, EXACT[1][np.newaxis], limit=1) == [[]]
    await vectors.put(PLANE, {1: vector(1, 0)})
    assert await nearest(vectors, 1, 0) == [1, 2]


async def test_spaces_never_meet(vectors: Vectors) -> None:
    """Another version of the same model is another space, in which an id may have another vector."""
    newer = Space(PLANE.model, PLANE.dimension, "2")
    await vectors.put(PLANE, {1: vector(1, 0), 2: vector(0, 1)})
    await vectors.put(newer, {1: vector(0, 1)})
    assert await nearest(vectors, 0, 1) == [2, 1]
    assert ids(await vectors.search(newer, vector(0, 1)[np.newaxis], limit=9)) == [[1]]


async def test_filters_bound_what_is_found(vectors: Vectors) -> None:
    """`among` allows, `without` forbids, both may name ids that are unknown; `among` nothing finds nothing."""
    await vectors.put(PLANE, {key: vector(1, key) for key in range(1, 9)})
    assert await nearest(vectors, 1, 0, among=[5, 3, 4, 77]) == [3, 4, 5]
    assert await nearest(vectors, 1, 0, without={1, 2, 77}, limit=2) == [3, 4]
    assert await nearest(vectors, 1, 0, among=range(1, 4), without=range(2, 9)) == [1]
    assert await nearest(vectors, 1, 0, among=[]) == []
    assert await nearest(vectors, 1, 0, among=[77]) == []
    assert await nearest(vectors, 1, 0, without=range(99)) == []


async def test_nothing_is_found_where_nothing_is(vectors: Vectors) -> None:
    """In a space that is unknown, was given nothing, or was emptied."""
    assert await nearest(vectors, 1, 0) == []
    await vectors.put(PLANE, {})
    assert await nearest(vectors, 1, 0, among=[1], without=[2]) == []
    await vectors.put(PLANE, {1: vector(1, 0)})
    await vectors.remove([1])
    assert await nearest(vectors, 1, 0) == []
    assert await nearest(vectors, 1, 0, among=[1]) == []


async def test_limit_may_exceed_what_there_is(vectors: Vectors) -> None:
    """Then all are found."""
    await vectors.put(PLANE, {1: vector(1, 0), 2: vector(0, 1)})
    assert await nearest(vectors, 1, 0, limit=1_000_000) == [1, 2]


async def test_zero_vector_is_never_found_and_finds_nothing(vectors: Vectors) -> None:
    """It has no direction; put in place of another, that one is gone."""
    await vectors.put(PLANE, {1: vector(1, 0), 2: vector(0, 0), 3: vector(0, 1)})
    assert await nearest(vectors, -1, -1) == [1, 3]
    assert await nearest(vectors, 0, 0) == []
    await vectors.put(PLANE, {1: vector(0, 0)})
    assert await nearest(vectors, 1, 0) == [3]


@pytest.mark.parametrize(
    "wrong",
    [vector(1, 2, 3), vector(1), vector(), vector(1, np.nan), vector(np.inf, 1), np.array([1e300, 1]), np.eye(2)],
)
async def test_vector_that_does_not_fit_is_refused(vectors: Vectors, wrong: NDArray[Any]) -> None:
    """Another shape, no finite number: nothing of that call is stored, and what was stays."""
    await vectors.put(PLANE, {1: vector(1, 0)})
    for _ in range(3):
        with pytest.raises(ValueError, match="component"):
            await vectors.put(PLANE, {1: vector(0, 1), 2: vector(0, 1), 3: wrong})
    assert await nearest(vectors, 0, 1) == [1]
    (found,) = await vectors.search(PLANE, vector(1, 0)[np.newaxis], limit=1)
    assert found == [Neighbour(1, 1.0)]


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        (vector(1, 0), 1),
        (vector(1, 0, 0)[np.newaxis], 1),
        (vector(1, 0)[np.newaxis, np.newaxis], 1),
        (vector(np.nan, 0)[np.newaxis], 1),
        (np.array([[1e300, 0]]), 1),
        (vector(1, 0)[np.newaxis], 0),
        (vector(1, 0)[np.newaxis], -1),
    ],
)
async def test_search_that_makes_no_sense_is_refused(vectors: Vectors, query: NDArray[Any], limit: int) -> None:
    """Queries of another shape, no finite number, a limit of nothing: also where nothing is stored yet."""
    for _ in range(2):
        with pytest.raises(ValueError, match=r"shape|component|one neighbour"):
            await vectors.search(PLANE, query, limit=limit)
        await vectors.put(PLANE, {1: vector(1, 0)})


async def test_any_numbers_are_taken(vectors: Vectors) -> None:
    """Whole numbers, 64 bits, the smallest and the largest that 32 bits hold; what is handed over stays as it is."""
    given = {1: np.array([3, 4]), 2: np.array([1e-40, 0.0]), 3: vector(0, 3e38), 4: np.array([1, 0], np.float16)}
    kept = {key: one.copy() for key, one in given.items()}
    query = np.array([[8, 6]])
    await vectors.put(PLANE, given)
    (found,) = await vectors.search(PLANE, query, limit=9)
    assert [neighbour.id for neighbour in found] == [1, 2, 4, 3]
    assert [neighbour.score for neighbour in found] == pytest.approx([0.96, 0.8, 0.8, 0.6])
    assert all((given[key] == kept[key]).all() for key in given)
    assert (query == [[8, 6]]).all()


operation = st.one_of(
    st.dictionaries(st.integers(-3, 12), st.integers(0, len(EXACT) - 1), max_size=8),
    st.sets(st.integers(-3, 12)),
)


@given(
    operations=st.lists(operation, max_size=8),
    queries=st.lists(st.integers(0, len(EXACT) - 1), max_size=6),
    limit=st.integers(1, 20),
    among=st.none() | st.sets(st.integers(-5, 15)),
    without=st.sets(st.integers(-5, 15), max_size=6),
)
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_search_agrees_with_a_naive_one(
    vectors: Vectors,
    operations: list[dict[int, int] | set[int]],
    queries: list[int],
    limit: int,
    among: set[int] | None,
    without: set[int],
) -> None:
    """After any puts and removals, for any queries and filters: the same ids, the same order, the same scores."""
    await vectors.remove(range(-3, 13))
    stored: dict[int, Vector] = {}
    for change in operations:
        if isinstance(change, dict):
            await vectors.put(FOUR, {key: EXACT[which] for key, which in change.items()})
            stored |= {key: EXACT[which] for key, which in change.items()}
        else:
            await vectors.remove(change)
            stored = {key: one for key, one in stored.items() if key not in change}
    asked = np.array([EXACT[which] for which in queries], np.float32).reshape(-1, 4)
    found = await vectors.search(FOUR, asked, limit=limit, among=among, without=without)
    assert found == [naive(stored, query, limit, among, without) for query in asked]


async def test_large_search_agrees_with_a_naive_one(vectors: Vectors) -> None:
    """Where vectors are many, and any of them: the ids of the highest cosines, and these to six digits."""
    stored = dict(zip(range(12_000), many(12_000), strict=True))
    queries = many(6, seed=2)
    await vectors.put(WIDE, stored)
    await vectors.remove(range(0, 12_000, 3))
    stored = {key: one for key, one in stored.items() if key % 3}
    for among, without in ((None, range(1, 6_000)), (range(5, 12_000, 11), ()), (range(9_000), range(3_000))):
        answers = await vectors.search(WIDE, queries, limit=50, among=among, without=without)
        for query, answer in zip(queries, answers, strict=True):
            expected = naive(stored, query, 50, among, without)
            assert [neighbour.id for neighbour in answer] == [neighbour.id for neighbour in expected]
            assert [one.score for one in answer] == pytest.approx([one.score for one in expected], abs=1e-6)


async def test_search_sees_a_whole_state(vectors: Vectors) -> None:
    """While four write, each its own ids and always all of them at once, four others never see a part of a write."""
    blocks = [range(first, first + 500) for first in range(0, 2000, 500)]
    turns = many(12)
    writing = [True] * 4

    async def write(number: int) -> None:
        for turn in range(12):
            await vectors.put(WIDE, dict.fromkeys(blocks[number], turns[turn]))
            if turn % 4 == 3:
                await vectors.remove(blocks[number])
        writing[number] = False

    async def search() -> int:
        seen = 0
        while any(writing):
            (found,) = await vectors.search(WIDE, turns[:1], limit=5000)
            scores = {neighbour.id: neighbour.score for neighbour in found}
            for block in blocks:
                assert len({scores.get(key) for key in block}) == 1
            assert len(scores) == len(found)
            seen += len(found)
            await asyncio.sleep(0)
        return seen

    *_, seen = await asyncio.gather(*map(write, range(4)), *(search() for _ in range(4)))
    assert seen
    assert ids(await vectors.search(WIDE, turns[:1], limit=5000)) == [[]]


# In this process.


async def test_matrix_grows_and_shrinks(vectors: Vectors) -> None:
    """It has room for half as many rows again, and gives it back when fewer than half of the rows are left."""
    assert isinstance(vectors, EmbeddedVectors)
    for key in range(100):
        await vectors.put(PLANE, {key: vector(1, key)})
    matrix = vectors._matrices[PLANE]
    assert 100 <= len(matrix.rows.vectors) <= 150
    for key in range(1000):
        await vectors.put(PLANE, {key % 100: vector(1, key)})
    assert len(matrix.rows.vectors) <= 152
    await vectors.remove(range(20, 100))
    assert (matrix.rows.size, len(matrix.rows.vectors)) == (20, 30)
    assert await nearest(vectors, 1, 0, limit=2) == [0, 1]


async def test_search_that_has_begun_sees_no_later_change(vectors: Vectors) -> None:
    """What it reads stays as it was: later rows go elsewhere, removed ones are marked in a copy."""
    assert isinstance(vectors, EmbeddedVectors)
    await vectors.put(PLANE, {key: vector(1, key) for key in range(9)})
    rows = vectors._matrices[PLANE].rows
    query = directions(vector(1, 0)[np.newaxis], 2)
    before = rows.search(query, 20, None, [3])
    await vectors.remove([1, 2])
    await vectors.put(PLANE, {0: vector(-1, 0), 20: vector(1, 0)})
    await vectors.put(PLANE, {key: vector(1, -key) for key in range(4, 50)})
    await vectors.remove(range(60))
    assert replace(rows).search(query, 20, None, [3]) == before


async def test_rebuilding_is_one_call(vectors: Vectors) -> None:
    """Vectors by the thousand come and move in chunks, of which the last is not full."""
    count = 3 * CHUNK + 1
    await vectors.put(WIDE, dict(zip(range(count), many(count), strict=True)))
    await vectors.put(WIDE, dict(zip(range(count, 2 * count), many(count, seed=3), strict=True)))
    (first, last) = await vectors.search(WIDE, np.stack([many(count)[0], many(count, seed=3)[-1]]), limit=1)
    assert (first[0].id, last[0].id) == (0, 2 * count - 1)


async def test_event_loop_goes_on_during_a_large_search(vectors: Vectors) -> None:
    """A large search is made in a thread, a small one at once."""
    assert isinstance(vectors, EmbeddedVectors)
    threads: list[str] = []
    await vectors.put(PLANE, {1: vector(1, 0)})
    rows = vectors._matrices[PLANE].rows

    class Noting:
        def __init__(self, size: int) -> None:
            self.size = size

        def search(self, *arguments: Any) -> list[list[Neighbour]]:
            threads.append(threading.current_thread().name)
            return rows.search(*arguments)

    for size in (1, 10_000_000):
        vectors._matrices[PLANE].rows = Noting(size)  # type: ignore[assignment]
        assert await nearest(vectors, 1, 0) == [1]
    assert threads[0] == threading.current_thread().name != threads[1]


# Opening.


@pytest.mark.parametrize(
    ("url", "message"), [("", "''"), ("redis://", "'redis'"), ("weaviate://secret@db", "not built")]
)
def test_url_of_no_variant_is_refused(url: str, message: str) -> None:
    """One variant is built, and the message repeats no password."""
    with pytest.raises(ValueError, match=message) as refused:
        open_vectors(url)
    assert "secret" not in str(refused.value)
