"""Vectors in a Weaviate server. What they belong to is known by SQL, which they are brought in from.

One collection a space, named by a hash, so that spaces cannot meet. The server's index is approximate (HNSW) where a
search is for all, and exact where it is for some: below 40,000 of them it compares one by one.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from itertools import starmap
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from adapters.vectors import weaviate_objects as objects
from adapters.vectors.port import Neighbour
from adapters.vectors.weaviate_server import Address, MissingError, WeaviateServer
from core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from weaviate import WeaviateAsyncClient
    from weaviate.collections import CollectionAsync

    from adapters.embeddings import Space

T = TypeVar("T")

MOST = 10_000
"""Objects that the server gives in one answer, unless its operators have set another number."""
OVERFETCHED = 1_000
"""Ids that are left out by asking for as many more; above that the server leaves them out."""
AT_ONCE = 1_000
"""Objects in one request that writes."""
WRITE_WITHIN = 30.0
PROBE_EVERY = 5.0
"""Real seconds between two looks at whether the server answers, over REST and over gRPC."""

log = structlog.get_logger(__name__)


class WeaviateVectors:
    """Keeps vectors in collections of one server, which other processes keep there as well.

    What is the same there already is not sent again. A copy of what was put stays here in 16 bits a component.
    """

    def __init__(self, address: Address, *, key: str = "") -> None:
        self.server = WeaviateServer(address, key=key)
        self._prefix = address.prefix
        self._timeout = address.timeout
        self._copies: dict[Space, dict[int, NDArray[np.float16]]] = {}
        self._lost: set[Space] = set()
        self._missing: set[Space] = set()
        self._probing: asyncio.Task[None] | None = None

    @property
    def degraded(self) -> bool:
        return self.server.degraded

    async def open(self) -> None:
        self._probing = asyncio.create_task(self._probe())

    async def close(self) -> None:
        if self._probing:
            self._probing.cancel()
            with suppress(asyncio.CancelledError):
                await self._probing
        await self.server.close()

    async def put(self, space: Space, vectors: Mapping[int, NDArray[Any]]) -> None:
        if not vectors:
            return
        matrix = await asyncio.to_thread(objects.directions_of, list(vectors.values()), space.dimension)
        rows = dict(zip(vectors, matrix, strict=True))
        directed = {item: row for item, row in rows.items() if row.any()}
        if await self._make(space) and self._copies.get(space) and space not in self._missing:
            self._lost.add(space)  # what was put before was in another one
            raise Unavailable
        self._missing.discard(space)
        for some in _parts(list(directed)):
            await self._send(space, {item: directed[item] for item in some})
        await self._delete(self._name(space), [item for item in rows if item not in directed])
        copies = self._copies.setdefault(space, {})
        copies.update((item, row.astype("float16")) for item, row in directed.items())
        for item in rows.keys() - directed.keys():
            copies.pop(item, None)

    async def remove(self, ids: Collection[int]) -> None:
        for space, copies in list(self._copies.items()):
            for item in ids:
                copies.pop(item, None)
            await self._delete(self._name(space), list(ids))

    async def retain(self, space: Space, ids: Collection[int]) -> None:
        kept, copies = set(ids), self._copies.get(space, {})
        for item in copies.keys() - kept:
            del copies[item]
        try:
            await self._delete(self._name(space), [item async for item in self._stored(space) if item not in kept])
        except MissingError:
            if copies:
                return
        self._lost.discard(space)

    async def drop(self, space: Space) -> None:
        self._copies.pop(space, None)
        self._lost.discard(space)
        self._missing.discard(space)
        name = self._name(space)
        await self.server.ask(lambda client: client.collections.delete(name), deadline=WRITE_WITHIN)

    def intact(self, space: Space) -> bool:
        return space not in self._lost

    def held(self, space: Space, ids: Collection[int]) -> dict[int, NDArray[np.float32]]:
        copies = self._copies.get(space, {})
        return {item: copies[item].astype("float32") for item in ids if item in copies}

    async def search(
        self,
        space: Space,
        queries: NDArray[Any],
        *,
        limit: int,
        among: Collection[int] | None = None,
        without: Collection[int] = (),
    ) -> list[list[Neighbour]]:
        """One question to the server, whichever way it ends: many vectors that it is slow to answer fail once."""
        from adapters.vectors import matrix  # ruff: ignore[import-outside-top-level] -- whoever has queries has NumPy

        if limit < 1:
            raise ValueError("A search is for one neighbour at least.")
        directions = matrix.directions(queries, space.dimension)
        left_out = frozenset(without)
        allowed = None if among is None else sorted(set(among) - left_out)
        if space in self._lost:  # what is there of it is no answer until `retain` has seen all of it
            raise Unavailable
        if not directions.any():
            return [[] for _ in directions]

        async def nearest(collection: CollectionAsync[Any, Any]) -> list[list[Neighbour]]:
            return await asyncio.gather(
                *(self._nearest(collection, copies, each, limit, allowed, left_out) for each in directions)
            )

        copies = self._copies.get(space, {})
        try:
            return await self._ask(space, nearest, deadline=self._timeout)
        except MissingError as missing:
            if not copies:  # where nothing was ever put there is nothing to be found
                return [[] for _ in directions]
            self._miss(space)
            raise Unavailable from missing

    async def _nearest(
        self,
        collection: CollectionAsync[Any, Any],
        copies: Mapping[int, object],
        direction: NDArray[np.float32],
        limit: int,
        allowed: list[int] | None,
        left_out: frozenset[int],
    ) -> list[Neighbour]:
        if not direction.any():
            return []
        if allowed is not None:
            filters = [objects.one_of(allowed[start : start + MOST]) for start in range(0, len(allowed), MOST)]
            answers = [await objects.near(collection, direction, min(limit, MOST), each) for each in filters]
        elif len(left_out) <= OVERFETCHED:
            answers = [await objects.near(collection, direction, min(limit + len(left_out), MOST), None)]
        else:
            kept = objects.none_of(left_out, self.server.version)
            answers = [await objects.near(collection, direction, min(limit, MOST), kept)]
        # What is deleted may be found for a while: the server's issue 3868. Copies tell what is there.
        found = {item: score for answer in answers for item, score in answer if item in copies and item not in left_out}
        ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        return list(starmap(Neighbour, ranked[:limit]))

    def _miss(self, space: Space) -> None:
        """A collection is gone that was filled here: it is to be put again, and no answer until then."""
        self._lost.add(space)
        self._missing.add(space)

    async def _make(self, space: Space) -> bool:
        """Make the collection where there is none; whether there was none."""
        name = self._name(space)

        async def make(client: WeaviateAsyncClient) -> bool:
            if await client.collections.exists(name):
                return False
            try:
                await client.collections.create(name, **objects.shape_of(space))
            except Exception:
                if not await client.collections.exists(name):  # else another process was faster
                    raise
            return True

        return await self.server.ask(make, deadline=WRITE_WITHIN)

    async def _send(self, space: Space, vectors: dict[int, NDArray[np.float32]]) -> None:
        """What is not the same there already. Raises Unavailable when the server refuses any of it."""
        stamps = {item: objects.stamp_of(vector) for item, vector in vectors.items()}
        try:
            there = await self._ask(space, lambda found: objects.stamps_in(found, list(vectors)), deadline=WRITE_WITHIN)
            changed = {item: vector for item, vector in vectors.items() if there.get(item) != stamps[item]}
            if not changed:
                return
            sent = await asyncio.to_thread(objects.objects_of, changed, stamps)
            answer = await self._ask(space, lambda found: found.data.insert_many(sent), deadline=WRITE_WITHIN)
        except MissingError as missing:
            raise Unavailable from missing
        if answer.errors:  # which the SDK tells, and raises only where all have failed
            cause = next(iter(answer.errors.values())).message
            log.warning("weaviate.batch_failed", failed=len(answer.errors), of=len(sent), cause=cause[:200])
            raise Unavailable

    async def _delete(self, name: str, ids: Sequence[int]) -> None:
        """Also of a collection that is gone meanwhile. Raises Unavailable when the server keeps any."""

        async def delete(some: Sequence[int], client: WeaviateAsyncClient) -> int:
            return (await client.collections.use(name).data.delete_many(where=objects.one_of(some))).failed

        with suppress(MissingError):
            for some in _parts(ids):
                if failed := await self.server.ask(partial(delete, some), deadline=WRITE_WITHIN):
                    log.warning("weaviate.not_deleted", failed=failed, of=len(some))
                    raise Unavailable

    async def _stored(self, space: Space) -> AsyncIterator[int]:
        """The ids that are there, whoever put them. Raises MissingError."""
        after, more = None, True
        while more:
            page = partial(objects.page_of, after=after)
            ids, after = await self._ask(space, page, deadline=WRITE_WITHIN)
            for item in ids:
                yield item
            more = after is not None

    async def _probe(self) -> None:
        """Connect, and see what becomes of the server and of our collections while nobody searches."""

        async def look(client: WeaviateAsyncClient) -> None:
            await client.get_meta()  # over REST
            await client.collections.use(f"{self._prefix}_none").query.fetch_objects(limit=1)  # over gRPC

        async def gone(client: WeaviateAsyncClient) -> list[Space]:
            filled = [space for space, copies in self._copies.items() if copies and space not in self._lost]
            return [space for space in filled if not await client.collections.exists(self._name(space))]

        while True:
            with suppress(Unavailable, MissingError):
                await self.server.ask(look, deadline=PROBE_EVERY)
            with suppress(Unavailable):
                for space in await self.server.ask(gone, deadline=PROBE_EVERY):
                    self._miss(space)
            await asyncio.sleep(PROBE_EVERY)

    async def _ask(
        self, space: Space, question: Callable[[CollectionAsync[Any, Any]], Awaitable[T]], *, deadline: float
    ) -> T:
        name = self._name(space)
        return await self.server.ask(lambda client: question(client.collections.use(name)), deadline=deadline)

    def _name(self, space: Space) -> str:
        return objects.name_of(self._prefix, space)


def _parts(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
