"""Another model of embeddings takes over at once, when all its vectors are made and everybody was told to use it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.embeddings import Space
from adapters.openai import OpenAI
from core.errors import Unavailable
from models import EmbeddingProcess, EmbeddingSpace, Item, ItemVector, Job, ServingSpace
from services import jobs
from services.embedding_spaces import moving
from services.embedding_spaces.keeping import LIVE, Unable
from services.recommendations import catalogue
from services.recommendations.catalogue import bring_in, embed_items, read_entries
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import Porchlight
from tests.services.embeddings import EMBEDDINGS
from tests.services.openai import KEY, OpenAIService, failing, openai_service
from tests.services.valkey import until

ITEMS = 70
"""One batch and a few more."""
OLD = EMBEDDINGS.space
NEW = Space("text-embedding-3-small", 64, "1-64")


@pytest.fixture
async def vendor() -> AsyncIterator[OpenAIService]:
    async with openai_service() as service:
        client = OpenAI(key=KEY, base_url=service.url)
        await client.open()  # the SDK's import is in no call's deadline
        await client.close()
        yield service


@pytest.fixture
def new(vendor: OpenAIService) -> dict[str, Any]:
    """Settings of the other model."""
    return {
        "embeddings_url": "openai://text-embedding-3-small?dimensions=64",
        "openai_api_key": KEY,
        "openai_base_url": vendor.url,
    }


async def stocked(porchlight: Porchlight) -> None:
    """Some items, with their vectors in the space that serves."""
    app = porchlight.app
    with app.database.bound():
        await bring_in(app, read_entries()[:ITEMS])
        await embed_items(app, app.embeddings)


async def move(porchlight: Porchlight) -> None:
    with porchlight.app.database.bound():
        await moving.move(porchlight.app, {})


async def stop(porchlight: Porchlight) -> None:
    """End what says that this process lives, as its end does."""
    with porchlight.app.database.bound():
        await porchlight.app.spaces.close()


async def vectors(porchlight: Porchlight, space: Space) -> int:
    with porchlight.app.database.bound():
        return await ItemVector.filter(model=space.model, version=space.version, dimension=space.dimension).count()


def serves(space: Space, *several: Porchlight) -> bool:
    return all(porchlight.app.embeddings.space == porchlight.app.spaces.space == space for porchlight in several)


async def test_old_space_serves_until_the_new_one_is_whole(
    start: Start, new: dict[str, Any], vendor: OpenAIService
) -> None:
    """Then each process has it within five seconds, told or not, and so has its index; nothing was asked twice.

    The vendor fails in the middle and the process is replaced: what was made is kept.
    """
    old = await start()
    await stocked(old)
    await stop(old)
    first = await start(**new)
    assert serves(OLD, first)
    vendor.faults = [None, failing(500), failing(500)]
    with pytest.raises(Unavailable):
        await move(first)
    assert (await vectors(first, NEW), serves(OLD, first)) == (64, True)
    await stop(first)
    second, third = await start(**new), await start(**new)
    assert (await second.app.embeddings.embed(["rice"], deadline=60)).shape == (1, OLD.dimension)
    await until(lambda: third.app.items.ready)
    held = second.app.embeddings
    vendor.asked.clear()
    await move(second)
    async with asyncio.timeout(5):
        await until(lambda: serves(NEW, second, third))
    assert [len(request["body"]["input"]) for request in vendor.asked] == [ITEMS - 64]
    assert (await third.app.embeddings.embed(["rice"])).shape == (1, NEW.dimension)
    await second.app.spaces._close_formers()
    with pytest.raises(Unavailable):
        await held.embed(["rice"])
    query = await third.app.embeddings.embed(["rice"])

    async def all_found() -> bool:
        return len((await third.app.vectors.search(NEW, query, limit=ITEMS))[0]) == ITEMS

    await until(all_found)


async def test_two_releases_do_not_flip_back_and_forth(
    start: Start, new: dict[str, Any], vendor: OpenAIService
) -> None:
    """While one process lives that was told to use the old space, the new one is made and waits.

    After the flip, an old one that starts again changes nothing; when all are old ones again, they go back at once.
    """
    old = await start()
    await stocked(old)
    newer = await start(**new)
    await move(old)  # its process has no key to ask with
    assert await vectors(old, NEW) == 0
    await move(newer)
    await move(old)
    assert (await vectors(newer, NEW), serves(OLD, old, newer)) == (ITEMS, True)
    await stop(old)
    await move(newer)
    async with asyncio.timeout(5):
        await until(lambda: serves(NEW, newer))
    again = await start()
    assert serves(NEW, again)
    for porchlight in (newer, again):
        await move(porchlight)
    assert serves(NEW, newer, again)
    await stop(newer)
    vendor.asked.clear()
    await move(again)
    async with asyncio.timeout(5):
        await until(lambda: serves(OLD, again))
    assert vendor.asked == []


async def test_process_that_was_killed_stands_in_the_way_for_a_while(
    start: Start, new: dict[str, Any], clock: ManualClock
) -> None:
    """It could not say that it ends; what it said before lapses. Two that see so at once flip once."""
    old = await start()
    await stocked(old)
    newer = await start(**new)
    app = newer.app
    with app.database.bound():
        await EmbeddingProcess.filter(space__model=OLD.model).update(seen_at=clock.now() - LIVE + timedelta(seconds=1))
        await move(newer)
        assert (await ServingSpace.get(id=1).select_related("space")).space.model == OLD.model
        await EmbeddingProcess.filter(space__model=OLD.model).update(seen_at=clock.now() - LIVE)
        serving, space = await ServingSpace.get(id=1), await EmbeddingSpace.get(model=NEW.model)
        flips = await asyncio.gather(*(moving.flip(app, serving.space_id, space) for _ in range(2)))
        assert sorted(flips) == [False, True]


async def test_item_added_meanwhile_has_its_vector_first(
    start: Start, new: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flip waits for an item that came after the last vector was made, and for one that has another text now."""
    old = await start()
    await stocked(old)
    await stop(old)
    newer = await start(**new)
    flip = moving.flip

    async def late(*arguments: Any) -> bool:
        if arguments[0] is newer.app:  # and not a job of the old one that is still under way
            await bring_in(newer.app, read_entries()[: ITEMS + 1])
        return await flip(*arguments)

    monkeypatch.setattr(moving, "flip", late)
    await move(newer)
    with newer.app.database.bound():
        assert (await ServingSpace.get(id=1).select_related("space")).space.model == OLD.model
        monkeypatch.setattr(moving, "flip", flip)
        await Item.filter(id=1).update(title="Another text")
        before = (await ItemVector.get(item_id=1, model=NEW.model)).content
        await move(newer)
        assert (await ItemVector.get(item_id=1, model=NEW.model)).content != before
    assert await vectors(newer, NEW) == ITEMS + 1
    async with asyncio.timeout(5):
        await until(lambda: serves(NEW, newer))


async def test_what_the_catalogue_had_no_time_for_is_made(
    start: Start, new: dict[str, Any], vendor: OpenAIService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job has to end in time; the next minute's goes on in the space that serves, and tells the index."""
    porchlight = await start(**new)
    app = porchlight.app
    monkeypatch.setattr(catalogue, "WITHIN", -1.0)
    await stocked(porchlight)
    assert (await vectors(porchlight, NEW), vendor.asked) == (0, [])
    monkeypatch.undo()
    with app.database.bound():
        later = app.clock.now() + timedelta(minutes=1)
        await jobs.enqueue(app, catalogue.PREPARE, {}, dedup_key="at-work", due_at=later)
        await move(porchlight)
        assert await vectors(porchlight, NEW) == 0  # the catalogue's own job does it
        await Job.filter(dedup_key="at-work").delete()
    await move(porchlight)
    assert await vectors(porchlight, NEW) == ITEMS
    await until(lambda: porchlight.app.items.ready)
    vendor.asked.clear()
    await move(porchlight)
    assert vendor.asked == []


async def test_old_vectors_are_kept_for_a_day(start: Start, new: dict[str, Any], clock: ManualClock) -> None:
    """Then they go, and with them what is known of the space; those of what serves or is wanted stay."""
    old = await start()
    await stocked(old)
    await stop(old)
    newer = await start(**new)
    await move(newer)
    await until(lambda: serves(NEW, newer))
    app = newer.app
    with app.database.bound():
        await clock.advance(moving.KEPT)
        await moving.forget(app, {})
        assert await vectors(newer, OLD) == ITEMS
        await clock.advance(timedelta(seconds=1))
        await moving.forget(app, {})
        assert (await vectors(newer, OLD), await vectors(newer, NEW)) == (0, ITEMS)
        assert [space.model for space in await EmbeddingSpace.all()] == [NEW.model]


async def test_process_without_the_means_understands_no_text_and_says_so(start: Start, new: dict[str, Any]) -> None:
    """Without the key, or with a release that has another version of the model; what is stored is still searched."""
    first = await start(**new)
    await stop(first)
    keyless = await start()
    assert serves(NEW, keyless)
    with pytest.raises(Unavailable):
        await keyless.app.embeddings.embed(["rice"])
    with pytest.raises(Unavailable):
        await keyless.app.spaces.embed(["rice"])
    metrics = await keyless.http.get("/metrics")
    assert 'porchlight_degraded{port="embeddings"} 1.0' in metrics.text
    with capture_logs() as logs:
        row = EmbeddingSpace(model=OLD.model, dimension=OLD.dimension, version="0.0.1", url="local://")
        assert isinstance(keyless.app.spaces.embeddings_of(row), Unable)
    assert [entry["event"] for entry in logs] == ["embeddings.other_version"]


async def test_what_serves_is_kept_while_the_row_cannot_be_read(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log says so once."""
    porchlight = await start()
    spaces = porchlight.app.spaces

    def gone(**_: Any) -> None:
        raise Unavailable("Gone.")

    monkeypatch.setattr(ServingSpace, "get", gone)
    with capture_logs() as logs:
        await spaces._look(sign=False)
        await spaces._look(sign=True)
    assert [entry["reason"] for entry in logs if entry["event"] == "embeddings.not_looked_up"] == ["Gone."]
    assert serves(OLD, porchlight)
    monkeypatch.undo()
    await spaces._look(sign=True)
    assert not spaces._lost
