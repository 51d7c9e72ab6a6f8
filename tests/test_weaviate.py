"""Vectors in a Weaviate server that fails: what its contract (test_vectors.py) leaves open."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import numpy as np
import pytest

from adapters.vectors import WeaviateVectors, open_vectors, weaviate, weaviate_objects
from adapters.vectors.weaviate_server import Address, WeaviateServer, address_of
from core.breaker import Breaker
from core.errors import Unavailable
from tests.services.valkey import until
from tests.services.weaviate import Weaviate, weaviate_service
from tests.test_vectors import NEWER, PLANE, ids, nearest, vector

MESSAGES = r"would be right|known, each once|letters and digits|int\(\)|float|bad query|Port out of range"
QUERY = vector(1, 0)[np.newaxis]


@pytest.fixture
async def service() -> AsyncIterator[Weaviate]:
    """A server."""
    async with weaviate_service() as running:
        yield running


@asynccontextmanager
async def opened(service: Weaviate, *, within: float = 5.0, key: str = "") -> AsyncGenerator[WeaviateVectors]:
    """The variant, over `service`."""
    vectors = open_vectors(service.url.replace("timeout=5", f"timeout={within}"), key=key)
    assert isinstance(vectors, WeaviateVectors)
    await vectors.open()
    try:
        yield vectors
    finally:
        await vectors.close()


async def test_a_server_that_is_down_at_the_start_is_found_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening waits for nothing, calls fail at once, and the first look that finds it makes it whole."""
    monkeypatch.setattr(weaviate, "PROBE_EVERY", 0.05)
    async with weaviate_service(up=False) as service, opened(service) as vectors:
        vectors.server.breaker = Breaker(failures=1, rest=0.05)
        with pytest.raises(Unavailable):
            await vectors.search(PLANE, QUERY, limit=1)
        with pytest.raises(Unavailable):
            await vectors.put(PLANE, {1: vector(1, 0)})
        assert vectors.degraded
        assert vectors.held(PLANE, [1]) == {}
        await service.start()
        await until(lambda: not vectors.degraded)
        await vectors.put(PLANE, {1: vector(1, 0)})
        assert await nearest(vectors, 1, 0) == [1]


async def test_a_server_that_dies_fails_what_is_under_way(service: Weaviate) -> None:
    """Within the time limit and not in the SDK's minute; when it is there again, so are answers."""
    async with opened(service, within=1.0) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0)})
        service.delay = 30.0
        began = monotonic()
        search = asyncio.create_task(vectors.search(PLANE, QUERY, limit=1))
        await service.searching.wait()
        await service.stop()
        with pytest.raises(Unavailable):
            await search
        assert monotonic() - began < 3.0
        service.delay = 0.0
        await service.start()
        vectors.server.breaker.succeeded()
        for _ in range(3):  # the channel may still wait before it connects again
            try:
                assert await nearest(vectors, 1, 0) == [1]
                break
            except Unavailable:
                vectors.server.breaker.succeeded()
        else:
            raise AssertionError


async def test_a_slow_server_is_left_alone_and_tried_again(service: Weaviate) -> None:
    """After three searches that took too long nobody waits any more; after the rest one search decides."""
    seconds = [0.0]
    async with opened(service, within=0.1) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0)})
        vectors.server.breaker = Breaker(failures=3, rest=5.0, clock=lambda: seconds[0])
        service.delay = 1.0
        for _ in range(3):
            with pytest.raises(Unavailable):
                await vectors.search(PLANE, QUERY, limit=1)
        asked = service.asked.count("search")
        with pytest.raises(Unavailable) as refused:
            await vectors.search(PLANE, QUERY, limit=1)
        assert (service.asked.count("search"), refused.value.retry_after, vectors.degraded) == (asked, 5.0, True)
        service.delay, seconds[0] = 0.0, 5.0
        assert await nearest(vectors, 1, 0) == [1]
        assert not vectors.degraded


async def test_a_search_by_many_vectors_fails_once(service: Weaviate) -> None:
    """All of it takes no longer than the limit; a failure a vector would have the server left alone after one."""
    async with opened(service, within=0.2) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0)})
        vectors.server.breaker = Breaker(failures=2)
        service.delay = 1.0
        with pytest.raises(Unavailable):
            await vectors.search(PLANE, np.eye(3, 2, dtype=np.float32), limit=1)
        assert not vectors.degraded
        service.delay = 0.0
        assert ids(await vectors.search(PLANE, np.eye(3, 2, dtype=np.float32), limit=1)) == [[1], [1], []]


async def test_a_search_that_its_caller_gave_up_is_no_failure(service: Weaviate) -> None:
    """It tells nothing of the server."""
    async with opened(service) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0)})
        vectors.server.breaker = Breaker(failures=1)
        service.delay = 30.0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await vectors.search(PLANE, QUERY, limit=1)
        assert not vectors.degraded


async def test_grpc_that_is_gone_alone_is_noticed(service: Weaviate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though REST says that all is well and nobody searches; and it is noticed when it is back."""
    monkeypatch.setattr(weaviate, "PROBE_EVERY", 0.1)
    async with opened(service) as vectors:
        await until(lambda: not vectors.degraded)
        vectors.server.breaker = Breaker(failures=1, rest=0.1)
        await service.stop_grpc()
        await until(lambda: vectors.degraded)
        await service.start_grpc()
        await until(lambda: not vectors.degraded, within=20)


async def test_a_collection_that_is_gone_is_noticed(service: Weaviate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nobody searches: a server that comes back empty is filled before the first visitor meets it."""
    monkeypatch.setattr(weaviate, "PROBE_EVERY", 0.1)
    async with opened(service) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0)})
        await vectors.retain(PLANE, [1])
        assert vectors.intact(PLANE)
        service.collections.clear()
        service.objects.clear()
        await until(lambda: not vectors.intact(PLANE))
        await vectors.put(PLANE, {1: vector(1, 0)})
        await vectors.retain(PLANE, [1])
        assert vectors.intact(PLANE)
        assert await nearest(vectors, 1, 0) == [1]


async def test_a_batch_that_fails_in_part_is_put_again(service: Weaviate) -> None:
    """The server tells of its failures and raises nothing: none counts as put, and then the rest alone is sent."""
    given = {key: vector(1, key) for key in range(5)}
    async with opened(service) as vectors:
        service.refused = {3}
        with pytest.raises(Unavailable):
            await vectors.put(PLANE, given)
        assert vectors.held(PLANE, range(5)) == {}
        service.refused = {0, 1, 2, 4}  # which are there already
        await vectors.put(PLANE, given)
        assert await nearest(vectors, 1, 0) == [0, 1, 2, 3, 4]
        service.refused = set(range(5))
        with pytest.raises(Unavailable):
            await vectors.put(PLANE, {key: vector(key, 1) for key in range(5)})


async def test_what_the_server_keeps_is_told(service: Weaviate) -> None:
    """A deletion that failed is tried again by whoever is told of it."""
    async with opened(service) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0), 2: vector(0, 1)})
        service.kept = {1}
        with pytest.raises(Unavailable):
            await vectors.remove([1, 2])
        assert await nearest(vectors, 1, 0) == []
        service.kept = set()
        await vectors.remove([1, 2])
        assert service.items() == [set()]


async def test_ids_that_are_gone_are_not_found(service: Weaviate) -> None:
    """The server may find what was deleted, or what was never put here."""
    async with opened(service) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0), 2: vector(0, 1)})
        service.stale = {1: vector(1, 0), 99: vector(1, 0)}
        await vectors.remove([1])
        assert await nearest(vectors, 1, 0) == [2]


@pytest.mark.parametrize("version", ["1.40.0-dev", "1.27.3"])
async def test_many_ids_are_left_out_by_the_server(version: str) -> None:
    """As its version understands it."""
    async with weaviate_service(version=version) as service, opened(service) as vectors:
        await vectors.put(PLANE, {key: vector(1, key) for key in range(1_100)})
        assert await nearest(vectors, 1, 0, without=range(1_097)) == [1_097, 1_098, 1_099]


async def test_processes_share_what_is_there(service: Weaviate) -> None:
    """Who comes second sends nothing again, and forgets what nobody has any more. One makes the collection."""
    given = {key: vector(1, key) for key in range(3)}
    async with opened(service) as one, opened(service) as other:
        await asyncio.gather(one.put(PLANE, given), other.put(PLANE, given))
        assert service.asked.count("create") == 1
        service.asked.clear()
        await other.put(PLANE, given)
        assert "insert" not in service.asked
        await one.put(PLANE, {7: vector(0, 1)})
        assert await nearest(other, 1, 0) == [0, 1, 2]
        await other.retain(PLANE, given)
        assert service.items() == [{0, 1, 2}]


async def test_lost_collections_are_told(service: Weaviate) -> None:
    """A search fails rather than finding nothing or little, until all vectors have been put again."""
    async with opened(service) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0)})
        service.collections.clear()
        service.objects.clear()
        with pytest.raises(Unavailable):
            await vectors.search(PLANE, QUERY, limit=1)
        assert not vectors.intact(PLANE)
        assert vectors.intact(NEWER)
        assert not vectors.degraded
        await vectors.put(PLANE, {1: vector(1, 0)})
        assert not vectors.intact(PLANE)
        with pytest.raises(Unavailable):
            await vectors.search(PLANE, QUERY, limit=1)
        await vectors.retain(PLANE, [1])
        assert vectors.intact(PLANE)
        assert ids(await vectors.search(PLANE, QUERY, limit=1)) == [[1]]
        service.objects.clear()
        with pytest.raises(Unavailable):
            await vectors.put(PLANE, {1: vector(0, 1)})


async def test_a_change_that_makes_a_lost_collection_anew_tells_of_it(service: Weaviate) -> None:
    """Nobody searched meanwhile: what the change alone would bring is not all."""
    async with opened(service) as vectors:
        await vectors.put(PLANE, {1: vector(1, 0)})
        service.collections.clear()
        service.objects.clear()
        with pytest.raises(Unavailable):
            await vectors.put(PLANE, {2: vector(1, 0)})
        assert not vectors.intact(PLANE)
        await vectors.put(PLANE, {1: vector(1, 0), 2: vector(1, 0)})
        await vectors.retain(PLANE, [1, 2])
        assert await nearest(vectors, 1, 0) == [1, 2]


async def test_the_key_is_shown(service: Weaviate) -> None:
    """To the server that asks for one."""
    async with opened(service, key="of-this-test") as vectors:
        await until(lambda: not vectors.degraded)
    assert service.keys == {"Bearer of-this-test"}


async def test_a_collection_that_cannot_be_made_is_told(service: Weaviate, monkeypatch: pytest.MonkeyPatch) -> None:
    """As unavailable."""

    def refused(_: object) -> dict[str, object]:
        return {"vector_config": "none"}

    monkeypatch.setattr(weaviate_objects, "shape_of", refused)
    async with opened(service) as vectors:
        with pytest.raises(Unavailable):
            await vectors.put(PLANE, {1: vector(1, 0)})


async def test_closing_without_opening_is_no_error() -> None:
    """Nor is closing twice."""
    vectors = WeaviateVectors(address_of("weaviate://localhost"))
    await vectors.close()
    await vectors.close()
    assert vectors.degraded
    assert WeaviateServer(address_of("weaviate://localhost")).version == (0, 0)


def test_an_address_is_read_whole() -> None:
    """With its defaults, and with everything that may be said."""
    plain = Address("db", port=8080, grpc_port=50051, secure=False, prefix="Porchlight", timeout=0.25)
    assert address_of("weaviate://db") == plain
    told = Address("::1", port=1, grpc_port=2, secure=True, prefix="Staging", timeout=1.5)
    assert address_of("weaviate://[::1]:1/Staging?grpc=2&secure=true&timeout=1.5") == told


@pytest.mark.parametrize(
    "url",
    [
        "weaviate://", "weaviate://db?grpc=", "weaviate://db?grpc=x", "weaviate://db?grpc=0", "weaviate://db?grpc=70000",
        "weaviate://db?grpc=1&grpc=2", "weaviate://db?secure=yes", "weaviate://db?timeout=0", "weaviate://db?timeout=nan",
        "weaviate://db?timeout=61", "weaviate://db?other=1", "weaviate://db?x", "weaviate://me:secret@db",
        "weaviate://db/small", "weaviate://db/A-b", "weaviate://db/A/B", "weaviate://db:99999",
    ],
)  # fmt: skip
def test_wrong_addresses_are_refused(url: str) -> None:
    """By a message that repeats nothing of them."""
    with pytest.raises(ValueError, match=MESSAGES) as refused:
        open_vectors(url)
    assert "secret" not in str(refused.value)
