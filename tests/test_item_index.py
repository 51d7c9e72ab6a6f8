"""The items in memory: they follow the rows, whoever changes them, and whichever space serves."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.bus import open_bus
from adapters.embeddings import Space
from adapters.vectors import EmbeddedVectors, Vectors, WeaviateVectors, open_vectors
from core.errors import Unavailable
from core.settings import Settings
from models import CatalogueRevision, Item, ItemVector
from schema.recommendations import Item as ItemType
from services.app import App, opened
from services.pages import Page
from services.recommendations import browsing, reading, revisions
from services.recommendations import index as indexing
from services.recommendations.catalogue import bring_in
from services.recommendations.entries import Entry, ItemsError, read_entries
from services.recommendations.index import ItemIndex
from services.recommendations.reading import Known
from tests.clock import ManualClock
from tests.porchlight import prepared
from tests.services.valkey import until
from tests.services.weaviate import weaviate_service

OLD, NEW = Space("old", 4, "1"), Space("new", 2, "1")
SINCE, UNTIL = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)


@dataclass
class Embeddings:
    """What serves, as another process decides it."""

    space: Space = OLD


class Unwilling(EmbeddedVectors):
    """Vectors that refuse for as long as `down`. `puts` counts what was put."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.puts = 0

    async def put(self, space: Space, vectors: Mapping[int, NDArray[Any]]) -> None:
        if self.down:
            raise Unavailable
        self.puts += len(vectors)
        await super().put(space, vectors)

    async def remove(self, ids: Collection[int]) -> None:
        if self.down:
            raise Unavailable
        await super().remove(ids)


@dataclass
class Shelf:
    """An index that looks when it is told to, over the database of a server."""

    app: App
    items: ItemIndex
    embeddings: Embeddings
    vectors: Unwilling

    async def entries(self, *wanted: Entry) -> None:
        await bring_in(self.app, list(wanted))

    async def embed(self, space: Space, vectors: dict[int, bytes]) -> None:
        """Write vectors as the job does."""
        async with self.app.database.transaction():
            revision = await revisions.raised(self.app.database)
            rows = [
                ItemVector(
                    item_id=key,
                    model=space.model,
                    version=space.version,
                    dimension=space.dimension,
                    content="-",
                    vector=vector,
                    revision=revision,
                )
                for key, vector in vectors.items()
            ]
            changing = ["vector", "revision"]
            await ItemVector.bulk_create(rows, on_conflict=["item_id", "model", "version"], update_fields=changing)

    async def found(self, space: Space) -> list[int]:
        (answer,) = await self.vectors.search(space, np.ones((1, space.dimension), np.float32), limit=99)
        return sorted(neighbour.id for neighbour in answer)


def entry(key: str, position: int = 1, **more: Any) -> Entry:
    return Entry(key, position, "design", key.title(), "Two sentences.", ["colour", "type"], **more)


def unit(dimension: int, axis: int = 0) -> bytes:
    vector: bytes = np.eye(dimension, dtype=np.float32)[axis].tobytes()
    return vector


@pytest.fixture
async def shelf(settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Shelf]:
    """Without items, on each database; nobody else changes them. A look waits for vectors, however busy we are."""
    monkeypatch.setattr(indexing, "VECTORS_WITHIN", 60.0)
    app, vectors, embeddings = prepared(settings, clock), Unwilling(), Embeddings()
    async with opened(app):
        yield Shelf(app, index_of(app, embeddings, vectors), embeddings, vectors)
    await vectors.close()


def index_of(app: App, embeddings: Embeddings, vectors: Vectors) -> ItemIndex:
    """An index as another process would have it: it hears no message."""
    return ItemIndex(embeddings, vectors, app.database, open_bus("memory://"))  # type: ignore[arg-type]


async def ids_of(*wanted: str) -> list[int]:
    """The ids of items."""
    found = {row.key: row.id for row in await Item.all()}
    return [found[key] for key in wanted]


async def test_facts_and_vectors_follow_the_rows(shelf: Shelf) -> None:
    """New, changed, retired and returned: each look brings in the changes alone."""
    await shelf.entries(entry("a", requires="api-calls", available_from=SINCE, available_until=UNTIL), entry("b", 2))
    a, b = await ids_of("a", "b")
    await shelf.items.look()
    assert (shelf.items.ready, shelf.items.space, shelf.items.vector_of([a])) == (False, None, {})
    await shelf.embed(OLD, {a: unit(4), b: unit(4, 1)})
    await shelf.items.look()
    assert (shelf.items.ready, shelf.items.space) == (True, OLD)
    assert shelf.items.known[a] == Known(
        "design", frozenset({"colour", "type"}), "api-calls", SINCE, UNTIL, shelf.app.clock.now(), 1
    )
    assert shelf.items.known[a].tags is shelf.items.known[b].tags
    assert shelf.items.categories == {"design"}
    assert {key: list(one) for key, one in shelf.items.vector_of([a, b, 77]).items()} == {
        a: [1, 0, 0, 0],
        b: [0, 1, 0, 0],
    }
    puts = shelf.vectors.puts
    await shelf.entries(entry("b", 1))
    await shelf.items.look()
    assert (list(shelf.items.known), shelf.items.known[b].position, await shelf.found(OLD)) == ([b], 1, [b])
    await shelf.entries(entry("b", 1), entry("a", 2))
    await shelf.embed(OLD, {b: unit(4, 2)})
    await shelf.items.look()
    assert (sorted(shelf.items.known), await shelf.found(OLD)) == ([a, b], [a, b])
    assert list(shelf.items.vector_of([b])[b]) == [0, 0, 1, 0]
    assert shelf.vectors.puts == puts + 2
    assert shelf.items.age < 1


async def test_what_is_so_already_is_not_written_again(shelf: Shelf) -> None:
    """A file with one change changes one row, and a look at it reads one."""
    await shelf.entries(entry("a"), entry("b", 2))
    before = {row.key: row.revision for row in await Item.all()}
    await shelf.entries(entry("a"), entry("b", 3))
    after = {row.key: row.revision for row in await Item.all()}
    assert (after["a"] - before["a"], after["b"] - before["b"]) == (0, 1)


async def test_processes_that_hear_nothing_follow_all_the_same(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """By looking at one number; five seconds are promised, of which two are waited. One that fails tries again."""
    assert indexing.LOOK_EVERY <= 2
    monkeypatch.setattr(indexing, "LOOK_EVERY", 0.02)
    await shelf.items.open()
    await shelf.entries(entry("a"))
    (a,) = await ids_of("a")
    await shelf.embed(OLD, {a: unit(4)})
    await until(lambda: shelf.items.ready)
    shelf.vectors.down = True
    await shelf.entries()
    await until(lambda: not shelf.items.known)
    assert await shelf.found(OLD) == [a]  # since it could not be removed
    shelf.vectors.down = False
    while await shelf.found(OLD):  # ruff: ignore[async-busy-wait] -- another process has no event to wait for
        await asyncio.sleep(0.01)
    await shelf.items.close()


async def test_the_old_space_serves_until_the_new_one_is_there(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change is one step, and later the old space is forgotten. Who prepares the new one first has no gap."""
    await shelf.entries(entry("a"), entry("b", 2))
    a, b = await ids_of("a", "b")
    await shelf.embed(OLD, {a: unit(4), b: unit(4)})
    await shelf.items.look()
    shelf.embeddings.space = NEW
    await shelf.items.look()
    assert (shelf.items.space, shelf.items.ready) == (OLD, False)
    assert shelf.items.vector_of([a])[a].shape == (4,)
    await shelf.embed(NEW, {a: unit(2), b: unit(2)})
    shelf.vectors.down = True
    with pytest.raises(Unavailable):
        await shelf.items.look()
    assert shelf.items.space == OLD
    shelf.vectors.down = False
    await shelf.items.look()
    assert (shelf.items.space, shelf.items.ready, await shelf.found(NEW)) == (NEW, True, [a, b])
    shelf.embeddings.space = OLD
    await shelf.items.prepare(OLD)
    assert shelf.items.space == NEW
    await shelf.items.look()
    assert (shelf.items.space, await shelf.found(NEW), await shelf.found(OLD)) == (OLD, [a, b], [a, b])
    monkeypatch.setattr(indexing, "monotonic", lambda: 1e9)
    await shelf.items.look()
    assert (await shelf.found(NEW), await shelf.found(OLD)) == ([], [a, b])


async def test_rows_changed_by_hand_are_found_by_the_sweep(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number was raised: once an hour all facts are read."""
    await shelf.entries(entry("a"), entry("b", 2))
    a, b = await ids_of("a", "b")
    await shelf.embed(OLD, {a: unit(4), b: unit(4)})
    await shelf.items.look()
    await Item.filter(id=a).update(retired_at=SINCE)
    await shelf.items.look()
    assert sorted(shelf.items.known) == [a, b]
    later = monotonic() + indexing.SWEEP_EVERY
    monkeypatch.setattr(indexing, "monotonic", lambda: later)
    await shelf.items.look()
    assert (list(shelf.items.known), await shelf.found(OLD)) == ([b], [b])


async def test_a_database_that_was_put_back_is_read_anew(shelf: Shelf) -> None:
    """Its number is smaller than the one that was seen."""
    await shelf.entries(entry("a"), entry("b", 2))
    a, b = await ids_of("a", "b")
    await shelf.embed(OLD, {a: unit(4), b: unit(4)})
    await shelf.items.look()
    await ItemVector.filter(item_id=a).delete()
    await Item.filter(id=a).delete()
    await CatalogueRevision.all().update(number=1)
    await shelf.items.look()
    assert (list(shelf.items.known), await shelf.found(OLD)) == ([b], [b])
    await CatalogueRevision.all().delete()
    await shelf.items.look()
    assert list(shelf.items.known) == [b]


async def test_vectors_that_are_none_are_passed_over(shelf: Shelf) -> None:
    """Too short, or no number: the others are there."""
    await shelf.entries(entry("a"), entry("b", 2), entry("c", 3))
    a, b, c = await ids_of("a", "b", "c")
    await shelf.embed(OLD, {a: b"short", b: np.full(4, np.nan, np.float32).tobytes(), c: unit(4)})
    await shelf.items.look()
    assert await shelf.found(OLD) == [c]


async def test_many_items_come_in_chunks(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of one transaction and of the next, wherever a chunk ends; returned ones too."""
    monkeypatch.setattr(reading, "CHUNK", 3)
    await shelf.entries(*(entry(f"k{number}", number) for number in range(8)))
    ids = [row.id for row in await Item.all().order_by("id")]
    await shelf.embed(OLD, dict.fromkeys(ids[:7], unit(4)))
    await shelf.embed(OLD, {ids[7]: unit(4)})
    await shelf.items.look()
    assert (sorted(shelf.items.known), await shelf.found(OLD)) == (ids, ids)
    await shelf.entries()
    await shelf.items.look()
    await shelf.entries(*(entry(f"k{number}", number) for number in range(8)))
    await shelf.items.look()
    assert (sorted(shelf.items.known), await shelf.found(OLD)) == (ids, ids)


async def test_two_writers_take_turns(shelf: Shelf) -> None:
    """A number is seen by nobody before all smaller ones are: the second waits for the end of the first."""
    order: list[str] = []
    raised = asyncio.Event()

    async def first() -> None:
        async with shelf.app.database.transaction():
            await revisions.raised(shelf.app.database)
            raised.set()
            await asyncio.sleep(0.05)
            order.append("first")

    async def second() -> None:
        await raised.wait()
        async with shelf.app.database.transaction():
            await revisions.raised(shelf.app.database)
            order.append("second")

    await asyncio.gather(first(), second())
    assert order == ["first", "second"]
    assert await revisions.present() == 2


async def test_weaviate_is_filled_from_rows(shelf: Shelf) -> None:
    """Facts are there while it is down. What it lost is put again, and what was retired meanwhile is gone."""
    await shelf.entries(entry("a"), entry("b", 2))
    a, b = await ids_of("a", "b")
    await shelf.embed(OLD, {a: unit(4), b: unit(4)})
    query = np.ones((1, 4), np.float32)
    async with weaviate_service(up=False) as service:
        vectors = open_vectors(service.url)
        assert isinstance(vectors, WeaviateVectors)
        items = index_of(shelf.app, shelf.embeddings, vectors)
        with pytest.raises(Unavailable):
            await items.look()
        assert (sorted(items.known), items.ready) == ([a, b], False)
        await service.start()
        vectors.server.breaker.succeeded()
        await items.look()
        assert (items.ready, service.items()) == (True, [{a, b}])
        service.collections.clear()
        service.objects.clear()
        with pytest.raises(Unavailable):
            await vectors.search(OLD, query, limit=1)
        await shelf.entries(entry("a"))
        await items.look()
        assert (service.items(), list(items.vector_of([a, b]))) == ([{a}], [a])
        await vectors.close()


@pytest.mark.parametrize(("ahead", "shown"), [(-1, False), (0, True), (3599, True), (3600, False)])
async def test_items_are_shown_while_they_can_be_had(shelf: Shelf, ahead: int, shown: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- a parameter of the test
    """From the beginning of their time until just before its end, in lists and by id; what they require is told."""
    since = shelf.app.clock.now() - timedelta(seconds=ahead)
    window: dict[str, Any] = {"available_from": since, "available_until": since + timedelta(hours=1)}
    await shelf.entries(entry("a", requires="api-calls", **window), entry("b", 2))
    (a,) = await ids_of("a")
    listed = await browsing.items(shelf.app, Page(size=9, forward=True), search=None, categories=None)
    assert [row.key for row in listed.rows] == (["a", "b"] if shown else ["b"])
    found = await browsing.item(shelf.app, a)
    assert (found is not None) is shown
    if found:
        told = ItemType.of(found)
        assert (told.requires, told.available_from, told.available_until) == ("api-calls", *window.values())


def read(tmp_path: Path, fields: str) -> Entry:
    file = tmp_path / "catalogue.yaml"
    item = f"{{key: a, category: c, kind: guide, title: T, summary: S, tags: [t], {fields}}}"
    file.write_text(f"categories: [{{key: c, name: C, description: D}}]\nitems: [{item}]\n")
    return read_entries(file, features={"api-calls"})[0]


def test_the_file_says_what_an_item_requires_and_when(tmp_path: Path) -> None:
    """A date is the beginning of that day in UTC; a time has its offset."""
    found = read(
        tmp_path, "requires: api-calls, available_from: 2027-01-01, available_until: 2027-02-01T01:00:00+01:00"
    )
    assert (found.requires, found.available_from, found.available_until) == ("api-calls", SINCE, UNTIL)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ("requires: nothing", "a.requires"),
        ("available_from: 2027-01-01T00:00:00", "a.available_from"),
        ("available_until: soon", "a.available_until"),
        ("available_from: 2027-01-02, available_until: 2027-01-02", "a.available_until"),
        ("category: none", "KeyError"),
    ],
)
def test_a_file_that_says_nonsense_is_refused(tmp_path: Path, fields: str, named: str) -> None:
    """By the item and the field, before any row is touched."""
    with pytest.raises(ItemsError, match=named):
        read(tmp_path, fields)
