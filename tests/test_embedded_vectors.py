"""Vectors in the memory of this process: what their contract (test_vectors.py) leaves open."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adapters.vectors import EmbeddedVectors, Neighbour
from adapters.vectors.matrix import CHUNK, directions
from tests.test_vectors import PLANE, WIDE, ids, many, nearest, vector


@pytest.fixture
async def vectors() -> AsyncIterator[EmbeddedVectors]:
    opened = EmbeddedVectors()
    await opened.open()
    yield opened
    await opened.close()


async def test_search_sees_a_whole_state(vectors: EmbeddedVectors) -> None:
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


async def test_matrix_grows_and_shrinks(vectors: EmbeddedVectors) -> None:
    """It has room for half as many rows again, and gives it back when fewer than half of the rows are left."""
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


async def test_search_that_has_begun_sees_no_later_change(vectors: EmbeddedVectors) -> None:
    """What it reads stays as it was: later rows go elsewhere, removed ones are marked in a copy."""
    await vectors.put(PLANE, {key: vector(1, key) for key in range(9)})
    rows = vectors._matrices[PLANE].rows
    query = directions(vector(1, 0)[np.newaxis], 2)
    before = rows.search(query, 20, None, [3])
    await vectors.remove([1, 2])
    await vectors.put(PLANE, {0: vector(-1, 0), 20: vector(1, 0)})
    await vectors.put(PLANE, {key: vector(1, -key) for key in range(4, 50)})
    await vectors.remove(range(60))
    assert replace(rows).search(query, 20, None, [3]) == before


async def test_rebuilding_is_one_call(vectors: EmbeddedVectors) -> None:
    """Vectors by the thousand come and move in chunks, of which the last is not full."""
    count = 3 * CHUNK + 1
    await vectors.put(WIDE, dict(zip(range(count), many(count), strict=True)))
    await vectors.put(WIDE, dict(zip(range(count, 2 * count), many(count, seed=3), strict=True)))
    (first, last) = await vectors.search(WIDE, np.stack([many(count)[0], many(count, seed=3)[-1]]), limit=1)
    assert (first[0].id, last[0].id) == (0, 2 * count - 1)


async def test_event_loop_goes_on_during_a_large_search(vectors: EmbeddedVectors) -> None:
    """A large search is made in a thread, a small one at once."""
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
