import itertools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from adapters.embeddings import Space
from adapters.vectors import EmbeddedVectors, Neighbour, Vectors, open_vectors
from tests.services.weaviate import weaviate_service

Vector = NDArray[np.float32]

PLANE = Space("plane", 2, "1")
NEWER = Space("plane", 2, "2")
FOUR = Space("four", 4, "1")
WIDE = Space("wide", 64, "1")

# Directions whose cosines are exact in binary, so that a naive search agrees to the last digit, and ties are ties.
EXACT = [
    np.zeros(4, np.float32),
    *(sign * np.eye(4, dtype=np.float32)[axis] for axis in range(4) for sign in (1, -1)),
    *(np.array(signs, np.float32) for signs in itertools.product((1, -1), repeat=4)),
]


REAL = os.environ.get("TEST_WEAVIATE_URL", "")
RECALL = 0.95
"""What an approximate index finds of the fifty nearest of eight thousand random vectors."""


SERVERS = ["weaviate", *(["real"] if REAL else [])]


@asynccontextmanager
async def variant(name: str) -> AsyncGenerator[Vectors]:
    """An open variant that holds nothing."""
    async with AsyncExitStack() as stack:
        url = {"embedded": "embedded://", "real": REAL}.get(name)
        opened = open_vectors(url or (await stack.enter_async_context(weaviate_service())).url)
        stack.push_async_callback(opened.close)
        await opened.open()
        for space in (PLANE, NEWER, FOUR, WIDE) if name == "real" else ():
            await opened.drop(space)
        yield opened


@pytest.fixture(params=["embedded", *SERVERS])
async def vectors(request: pytest.FixtureRequest) -> AsyncIterator[Vectors]:
    """Each variant."""
    async with variant(request.param) as opened:
        yield opened


@pytest.fixture
async def embedded() -> AsyncIterator[Vectors]:
    """The variant of this process."""
    async with variant("embedded") as opened:
        yield opened


@pytest.fixture(params=SERVERS)
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Vectors]:
    """Variants whose vectors are in a server."""
    async with variant(request.param) as opened:
        yield opened


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
    """Wherever they are stored. Where the limit cuts through equal ones, a server of its own may leave out any."""
    equal = many(1, seed=2)[0]
    stored = dict(zip(range(3000), many(3000), strict=True))
    stored |= dict.fromkeys(range(2999, 0, -7), equal)
    await vectors.put(WIDE, stored)
    (found,) = await vectors.search(WIDE, equal[np.newaxis], limit=100)
    listed = [neighbour.id for neighbour in found]
    if isinstance(vectors, EmbeddedVectors):
        assert listed == sorted(range(2999, 0, -7))[:100]
    assert (listed, len(listed)) == (sorted(listed), 100)
    assert set(listed) <= set(range(2999, 0, -7))
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
    await vectors.put(PLANE, {1: vector(1, 0), 2: vector(0, 1)})
    await vectors.put(NEWER, {1: vector(0, 1)})
    assert await nearest(vectors, 0, 1) == [2, 1]
    assert ids(await vectors.search(NEWER, vector(0, 1)[np.newaxis], limit=9)) == [[1]]


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


any_search = given(
    operations=st.lists(operation, max_size=8),
    queries=st.lists(st.integers(0, len(EXACT) - 1), max_size=6),
    limit=st.integers(1, 20),
    among=st.none() | st.sets(st.integers(-5, 15)),
    without=st.sets(st.integers(-5, 15), max_size=6),
)


async def answered(
    vectors: Vectors, operations: list[dict[int, int] | set[int]], queries: list[int], **bounds: Any
) -> tuple[list[list[Neighbour]], list[list[Neighbour]], list[list[Neighbour]]]:
    """After these puts and removals: what is found, what is found by the definition, and that without a limit."""
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
    found = await vectors.search(FOUR, asked, **bounds)
    best = [naive(stored, query, **bounds) for query in asked]
    return found, best, [naive(stored, query, **{**bounds, "limit": 99}) for query in asked]


@any_search
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_search_agrees_with_a_naive_one(embedded: Vectors, **drawn: Any) -> None:
    """After any puts and removals, for any queries and filters: the same ids, the same order, the same scores."""
    found, best, _ = await answered(embedded, **drawn)
    assert found == best


@any_search
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_served_search_agrees_with_a_naive_one(served: Vectors, **drawn: Any) -> None:
    """So do servers, but for which of equal ones are given when the limit cuts through them."""
    found, best, every = await answered(served, **drawn)
    for answer, expected, whole in zip(found, best, every, strict=True):
        assert [one.score for one in answer] == pytest.approx([one.score for one in expected], abs=1e-6)
        scores = {one.id: one.score for one in whole}
        assert [one.score for one in answer] == pytest.approx([scores[one.id] for one in answer], abs=1e-6)


async def test_large_search_agrees_with_a_naive_one(vectors: Vectors, request: pytest.FixtureRequest) -> None:
    """Where vectors are many, and any of them: the ids of the highest cosines, and these to six digits.

    A real server's index is approximate where all are searched.
    """
    stored = dict(zip(range(12_000), many(12_000), strict=True))
    queries = many(6, seed=2)
    await vectors.put(WIDE, stored)
    await vectors.remove(range(0, 12_000, 3))
    stored = {key: one for key, one in stored.items() if key % 3}
    for among, without in ((None, range(1, 6_000)), (range(5, 12_000, 11), ()), (range(9_000), range(3_000))):
        answers = await vectors.search(WIDE, queries, limit=50, among=among, without=without)
        for query, answer in zip(queries, answers, strict=True):
            expected = naive(stored, query, 50, among, without)
            by_id = {one.id: one.score for one in expected}
            if among is None and request.node.callspec.params["vectors"] == "real":
                assert len(by_id.keys() & {one.id for one in answer}) >= RECALL * len(by_id)
                continue
            assert [neighbour.id for neighbour in answer] == list(by_id)
            assert [one.score for one in answer] == pytest.approx(list(by_id.values()), abs=1e-6)


async def test_only_what_is_retained_is_left(vectors: Vectors) -> None:
    """In one space; the ids that it was given need not be there."""
    await vectors.put(PLANE, {key: vector(1, key) for key in range(9)})
    await vectors.put(NEWER, {1: vector(1, 0)})
    await vectors.retain(PLANE, {2, 3, 77})
    assert await nearest(vectors, 1, 0) == [2, 3]
    assert vectors.held(PLANE, range(99)).keys() == {2, 3}
    await vectors.retain(FOUR, [1])
    assert ids(await vectors.search(NEWER, vector(1, 0)[np.newaxis], limit=9)) == [[1]]


async def test_a_dropped_space_is_empty(vectors: Vectors) -> None:
    """The others are as they were; dropping one that is not there is no error."""
    await vectors.put(PLANE, {1: vector(1, 0)})
    await vectors.put(NEWER, {1: vector(1, 0)})
    for _ in range(2):
        await vectors.drop(NEWER)
    assert ids(await vectors.search(NEWER, vector(1, 0)[np.newaxis], limit=9)) == [[]]
    assert vectors.held(NEWER, [1]) == {}
    assert await nearest(vectors, 1, 0) == [1]
    await vectors.put(NEWER, {2: vector(1, 0)})
    assert ids(await vectors.search(NEWER, vector(1, 0)[np.newaxis], limit=9)) == [[2]]


async def test_what_was_put_is_held(vectors: Vectors) -> None:
    """At unit length, from memory, without what is unknown, zero or removed, and in its own space alone."""
    await vectors.put(PLANE, {1: vector(3, 4), 2: vector(0, 0), 3: vector(1, 0), 4: vector(0, 2)})
    await vectors.put(PLANE, {4: vector(0, 0)})
    await vectors.remove([3])
    found = vectors.held(PLANE, [1, 2, 3, 4, 5])
    assert list(found) == [1]
    assert found[1].dtype == np.float32
    assert found[1] == pytest.approx([0.6, 0.8], abs=1e-3)
    assert vectors.held(NEWER, [1]) == {}
    assert vectors.intact(PLANE)
    assert not vectors.degraded


# Opening.


@pytest.mark.parametrize(("url", "message"), [("", "''"), ("redis://", "'redis'"), ("weaviate://secret@db", "no user")])
def test_url_of_no_variant_is_refused(url: str, message: str) -> None:
    """Two variants are built, and the message repeats no password."""
    with pytest.raises(ValueError, match=message) as refused:
        open_vectors(url)
    assert "secret" not in str(refused.value)
