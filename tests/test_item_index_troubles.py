"""The items in memory, when the database or the vectors fail while they are read."""

import asyncio
from typing import Any

import numpy as np
import pytest

from adapters.vectors import open_vectors
from core.errors import Unavailable
from services.recommendations import index as indexing
from services.recommendations import reading
from tests.services.weaviate import weaviate_service
from tests.test_item_index import OLD, Shelf, entry, ids_of, index_of, shelf, unit

__all__ = ["shelf"]


async def test_facts_that_an_error_interrupts_are_read_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before the error is not passed over, and no vector is taken from the others for its sake."""
    monkeypatch.setattr(reading, "CHUNK", 2)
    await shelf.entries(*(entry(key, position) for position, key in enumerate("abcde", 1)))
    ids = await ids_of(*"abcde")
    await shelf.embed(OLD, {key: unit(4) for key in ids})
    calls, real = 0, reading.Place.next

    async def failing(place: reading.Place, *query: Any) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError("The database is gone for a moment.")
        return await real(place, *query)

    monkeypatch.setattr(reading.Place, "next", failing)
    with pytest.raises(OSError, match="moment"):
        await shelf.items.look()
    assert shelf.items.known == {}
    await shelf.items.look()
    assert sorted(shelf.items.known) == ids == await shelf.found(OLD)


async def test_a_space_that_was_lost_is_another_version_once_it_is_whole(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no row has changed: what was found before is to be forgotten. In between no search is answered."""
    monkeypatch.setattr(reading, "CHUNK", 2)
    await shelf.entries(*(entry(key, position) for position, key in enumerate("abcde", 1)))
    ids = await ids_of(*"abcde")
    await shelf.embed(OLD, {key: unit(4) for key in ids})
    query = np.ones((1, 4), np.float32)
    async with weaviate_service() as service:
        vectors = open_vectors(service.url)
        items = index_of(shelf.app, shelf.embeddings, vectors)
        await items.look()
        before = items.version
        service.collections.clear()
        service.objects.clear()
        with pytest.raises(Unavailable):
            await vectors.search(OLD, query, limit=9)
        service.refused = {ids[-1]}
        with pytest.raises(Unavailable):
            await items.look()
        assert service.items() == [set(ids[:-1])]
        with pytest.raises(Unavailable):
            await vectors.search(OLD, query, limit=9)
        service.refused = set()
        await items.look()
        (found,) = await vectors.search(OLD, query, limit=9)
        assert (len(found), items.version > before) == (5, True)
        await vectors.close()


async def test_facts_do_not_wait_for_vectors(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that hangs holds up vectors alone, and what had begun goes on. One that refuses has no facts replaced."""
    monkeypatch.setattr(indexing, "VECTORS_WITHIN", 0.01)
    await shelf.entries(entry("a"), entry("b", 2))
    a, b = await ids_of("a", "b")
    await shelf.embed(OLD, {a: unit(4), b: unit(4)})
    answers, real = asyncio.Event(), shelf.vectors.put

    async def hanging(*given: Any) -> None:
        await answers.wait()
        await real(*given)

    monkeypatch.setattr(shelf.vectors, "put", hanging)
    await shelf.items.look()
    assert (sorted(shelf.items.known), shelf.items.ready) == ([a, b], False)
    await shelf.entries(entry("a"))
    await shelf.items.look()
    assert (list(shelf.items.known), shelf.items.ready) == ([a], False)
    answers.set()
    monkeypatch.setattr(indexing, "VECTORS_WITHIN", 60.0)
    await shelf.items.look()
    assert (shelf.items.ready, await shelf.found(OLD), shelf.items.age < 1) == (True, [a], True)
    shelf.vectors.down = True
    await shelf.entries()
    with pytest.raises(Unavailable):
        await shelf.items.look()
    known, version = shelf.items.known, shelf.items.version
    with pytest.raises(Unavailable):
        await shelf.items.look()
    assert (shelf.items.known is known, shelf.items.version, dict(known)) == (True, version, {})


async def test_what_returns_while_vectors_are_read_has_its_vector(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was passed over as gone, or removed, a moment before."""
    await shelf.entries(entry("a"), entry("b", 2))
    a, b = await ids_of("a", "b")
    await shelf.entries(entry("a"))
    await shelf.embed(OLD, {a: unit(4), b: unit(4)})
    answers, real = asyncio.Event(), shelf.vectors.put

    async def hanging(*given: Any) -> None:
        await answers.wait()
        await real(*given)

    monkeypatch.setattr(shelf.vectors, "put", hanging)
    monkeypatch.setattr(indexing, "VECTORS_WITHIN", 0.05)
    await shelf.items.look()
    await shelf.entries(entry("a"), entry("b", 2))
    await shelf.items.look()
    answers.set()
    monkeypatch.setattr(indexing, "VECTORS_WITHIN", 60.0)
    await shelf.items.look()
    assert await shelf.found(OLD) == [a, b]
