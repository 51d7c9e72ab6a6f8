"""What is near to a vector, as the store told it a moment ago: people share topics, and come again.

A search among 100,000 items reads 200 MB. Each vector is looked up once in a while for everybody, without anybody's
filters, deep enough that they seldom leave too little; where they do, the store is asked again with the filter.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from adapters.embeddings import Space
    from adapters.vectors import Neighbour, Vectors
    from services.recommendations.shelf import Shelf

CANDIDATES = 200
"""Items that are ranked for one vector: the longest list that a person may page through."""
DEPTH = 400
"""Neighbours that are kept of one vector."""
KEPT = 5_000
"""Vectors whose neighbours are kept: 32 MB."""
KEPT_FOR = 600.0
"""Real seconds, while the catalogue stays as it is."""
STALE_FOR = 60.0
"""Real seconds, when it has changed meanwhile: what is gone is filtered out, and what is new has its own ranking."""
LARGE = 5_000
"""Items from which on searching is so dear that what is stale serves."""
COMPARED = 100_000
"""Vectors that one request may have compared for what is not remembered: all of 100,000 for one query, which takes 7 ms
of a processor. The others are looked up by the requests that follow."""
AT_ONCE = 4
"""Searches of a large catalogue that are under way at a time. One more would only make all of them late."""


@dataclass(frozen=True)
class Near:
    """Items near to one vector, the nearest first, with their cosines.

    `whole`: they were looked up, in the catalogue as it is now.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    whole: bool = True


class Nearby:
    """The neighbours of vectors in the space that serves."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, tuple[float, int, Near]] = OrderedDict()
        self._space: Space | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End searches that nobody waits for any more."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def of(
        self,
        vectors: Vectors,
        space: Space,
        version: int,
        queries: NDArray[np.float32],
        shelf: Shelf,
        allowed: NDArray[np.bool_],
    ) -> list[Near]:
        """For each query at most `CANDIDATES` items that are allowed. At most two calls of the store.

        Of a large catalogue only the first queries are searched for now: what is found is remembered, so that the same
        ones cost nothing the next time. Until then the others find nothing. Raises Unavailable. The caller sets the
        deadline; a search that takes longer is brought to its end all the same, and remembered.
        """
        stale_for = STALE_FOR if len(shelf.ids) > LARGE else 0.0
        most = max(1, COMPARED // max(1, len(shelf.ids)))
        found = await self._unfiltered(vectors, space, version, queries, stale_for, most)
        near = [_kept(each or _near((), whole=False), shelf, allowed) for each in found]
        enough = min(CANDIDATES, int(allowed.sum()))
        # A catalogue that is no longer than an answer was told whole. How much was told says nothing: stores leave out
        # what they know to be stale.
        short = [number for number, each in enumerate(near) if found[number] and len(each.ids) < enough]
        short = short if len(shelf.ids) > DEPTH else []
        if short:
            told = await _filtered(vectors, space, queries[short], shelf, allowed)
            for number, each in zip(short, told, strict=True):
                near[number] = each
        return near

    async def _unfiltered(
        self, vectors: Vectors, space: Space, version: int, queries: NDArray[np.float32], stale_for: float, most: int
    ) -> list[Near | None]:
        if self._space != space:
            self._held.clear()
            self._space = space
        names = [hashlib.blake2b(query.tobytes(), digest_size=16).digest() for query in queries]
        found = {name: near for name in names if (near := self._recall(name, version, stale_for))}
        missing = {name: number for number, name in enumerate(names) if name not in found}
        if missing:
            if most < len(queries) and len(self._under_way) >= AT_ONCE:
                raise Unavailable
            sought = dict(list(missing.items())[:most])
            task = asyncio.create_task(self._search(vectors, space, version, queries, sought, found))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            await asyncio.shield(task)
        return [found.get(name) for name in names]

    async def _search(
        self,
        vectors: Vectors,
        space: Space,
        version: int,
        queries: NDArray[np.float32],
        sought: dict[bytes, int],
        found: dict[bytes, Near],
    ) -> None:
        """Put what is near to the queries that are sought for into `found`, and remember it."""
        told = await vectors.search(space, queries[list(sought.values())], limit=DEPTH)
        for name, neighbours in zip(sought, told, strict=True):
            found[name] = near = _near(neighbours)
            if self._space == space:
                self._keep(name, version, near)

    def _recall(self, name: bytes, version: int, stale_for: float) -> Near | None:
        at, seen, near = self._held.get(name, (0.0, version, None))
        fresh = monotonic() - at < (KEPT_FOR if seen == version else stale_for)
        return replace(near, whole=seen == version) if near and fresh else None

    def _keep(self, name: bytes, version: int, near: Near) -> None:
        self._held[name] = (monotonic(), version, near)
        self._held.move_to_end(name)
        while len(self._held) > KEPT:
            self._held.popitem(last=False)


async def _filtered(
    vectors: Vectors, space: Space, queries: NDArray[np.float32], shelf: Shelf, allowed: NDArray[np.bool_]
) -> list[Near]:
    """Ask the store with whichever is shorter: what is allowed, or what is not."""
    count = int(allowed.sum())
    if count * 2 <= len(allowed):
        told = await vectors.search(space, queries, limit=CANDIDATES, among=shelf.ids[allowed].tolist())
    else:
        told = await vectors.search(space, queries, limit=CANDIDATES, without=shelf.ids[~allowed].tolist())
    return [_kept(_near(each), shelf, allowed) for each in told]


def _kept(near: Near, shelf: Shelf, allowed: NDArray[np.bool_]) -> Near:
    """What is here and allowed: what the store still has of an item that is gone is dropped."""
    kept = shelf.kept(near.ids, allowed)
    return Near(near.ids[kept][:CANDIDATES], near.scores[kept][:CANDIDATES], near.whole)


def _near(neighbours: Sequence[Neighbour], *, whole: bool = True) -> Near:
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    count = len(neighbours)
    return Near(
        np.fromiter((each.id for each in neighbours), np.int64, count),
        np.fromiter((each.score for each in neighbours), np.float64, count),
        whole,
    )
