"""The items in memory, when the database or the vectors fail while they are read."""

from typing import Any

import pytest

from services.recommendations import reading
from tests.test_item_index import OLD, Shelf, entry, ids_of, shelf, unit

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
