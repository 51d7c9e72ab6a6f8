"""The items' vectors in this process: rebuilt from rows at start and whenever another process made new ones."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from models.recommendations import ItemVector

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.bus import Bus
    from adapters.database import Database
    from adapters.embeddings import Embeddings
    from adapters.vectors import Vectors

CHANNEL = "items.embedded"
RETRY = 5.0
"""Seconds until rows are asked for again when the database did not answer."""

log = structlog.get_logger(__name__)


class ItemIndex:
    """Keeps `vectors` in step with the rows of the present space. `ready` once it holds some.

    `categories` holds the category of each item that it knows.
    """

    def __init__(self, embeddings: Embeddings, vectors: Vectors, database: Database, bus: Bus) -> None:
        self.ready = False
        self.categories: dict[int, str] = {}
        self._embeddings = embeddings
        self._vectors = vectors
        self._database = database
        self._bus = bus
        self._held: set[int] = set()
        self._stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def open(self) -> None:
        """Begin to follow the rows."""
        self._unsubscribe = self._bus.subscribe(CHANNEL, lambda _: self._stale.set(), resync=self._stale.set)
        self._stale.set()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop following."""
        if self._unsubscribe:
            self._unsubscribe()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        with self._database.bound():
            while True:
                await self._stale.wait()
                self._stale.clear()
                try:
                    await self._load()
                except Exception as error:
                    log.warning("items.index_not_loaded", exc_info=error)
                    await asyncio.sleep(RETRY)
                    self._stale.set()

    async def _load(self) -> None:
        import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

        space = self._embeddings.space
        rows = await ItemVector.filter(
            model=space.model, version=space.version, dimension=space.dimension, item__retired_at=None
        ).values_list("item_id", "vector", "item__category")
        found = {item_id: np.frombuffer(vector, dtype=np.float32) for item_id, vector, _ in rows}
        self.categories = {item_id: category for item_id, _, category in rows}
        await self._vectors.remove(self._held - found.keys())
        await self._vectors.put(space, found)
        self._held = set(found)
        self.ready = bool(found)
        if found:
            log.info("items.indexed", items=len(found))
