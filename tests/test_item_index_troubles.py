"""The items in memory, when the database or the vectors fail while they are read."""

from typing import Any

import numpy as np
import pytest

from adapters.vectors import open_vectors
from core.errors import Unavailable
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
