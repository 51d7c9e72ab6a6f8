"""Items and their vectors, read by the changes alone: each reading goes on where the one before it ended."""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any

import structlog

from models.recommendations import Item, ItemVector

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray
    from tortoise.queryset import QuerySet

    from adapters.embeddings import Space
    from adapters.vectors import Vectors

CHUNK = 250
"""Rows that are read at once: few enough that the event loop is not held for longer than 10 ms."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What is decided by about an item that is in the catalogue, without asking the database.

    `requires` is a feature's key. It can be had from `available_from` until just before `available_until`.
    """

    category: str
    tags: frozenset[str]
    requires: str | None
    available_from: datetime | None
    available_until: datetime | None
    created_at: datetime
    position: int


class Place:
    """How far a table has been read, in the order of its changes."""

    def __init__(self) -> None:
        self._revision, self._id = -1, 0

    async def next(self, query: QuerySet[Any], *columns: str) -> list[Any]:
        """The next rows, `revision` and `id` first; none at the end. `passed` takes note of them."""
        names = ("revision", "id", *columns)
        same = query.filter(revision=self._revision, id__gt=self._id).order_by("id")
        later = query.filter(revision__gt=self._revision).order_by("revision", "id")
        return await same.limit(CHUNK).values_list(*names) or await later.limit(CHUNK).values_list(*names)

    def passed(self, rows: list[Any]) -> None:
        """These need not be read again."""
        self._revision, self._id = rows[-1][:2]


class Facts:
    """Reads items. What many of them share is held once: 100,000 take some 30 MB.

    `known` is never changed: it is replaced by a reading that has reached the end and found something.
    """

    def __init__(self) -> None:
        self.known: Mapping[int, Known] = {}
        self._place = Place()
        self._shared: dict[Any, Any] = {}

    async def read(self) -> tuple[set[int], set[int]]:
        """Bring `known` up to date; the ids that have come, and those that have gone. Where it raises, nothing is read.

        How far it has read and what it has read are kept together: what were passed and not kept would be missed.
        """
        come: set[int] = set()
        gone: set[int] = set()
        place, known, read = copy(self._place), dict(self.known), False
        columns = ("category", "tags", "requires", "available_from", "available_until", "created_at", "position")
        while rows := await place.next(Item.all(), "retired_at", *columns):
            for _, item_id, retired_at, *facts in rows:
                if retired_at is None:
                    if item_id not in known:
                        come.add(item_id)
                    gone.discard(item_id)
                    known[item_id] = self._known(*facts)
                elif known.pop(item_id, None):
                    gone.add(item_id)
                    come.discard(item_id)
            place.passed(rows)
            read = True
        if read:
            self._place, self.known = place, known
        return come, gone

    def _known(
        self,
        category: str,
        tags: list[str],
        requires: str | None,
        available_from: datetime | None,
        available_until: datetime | None,
        created_at: datetime,
        position: int,
    ) -> Known:
        return Known(
            intern(category),
            self._once(frozenset(map(intern, tags))),
            intern(requires) if requires else None,
            self._once(available_from),
            self._once(available_until),
            self._once(created_at),
            position,
        )

    def _once(self, value: Any) -> Any:
        return self._shared.setdefault(value, value)


class SpaceRows:
    """Reads the vectors of one space and puts them where they are searched.

    `changed` is set by whatever is put, or retained for the first time; who has taken note of it takes it back.
    """

    def __init__(self, space: Space, vectors: Vectors) -> None:
        self.found = False
        self.changed = False
        self._space = space
        self._vectors = vectors
        self._place = Place()
        self._come: set[int] = set()
        self._whole = False

    def come(self, ids: Collection[int]) -> None:
        """These items are in the catalogue again: their vectors may have been passed over, even just now."""
        self._come.update(ids)

    async def read(self, known: Callable[[], Collection[int]]) -> None:
        """Bring the vectors up to date. Where it raises, what is left is read the next time.

        `known` tells the items that are in the catalogue by now: that may change while this runs.
        """
        while rows := await self._place.next(self._query(), "item_id", "vector"):
            await self._put(rows, known())
            self._place.passed(rows)
        while self._come:
            await self._read_again(sorted(self._come)[:CHUNK], known)
        if not self._whole:
            await self._vectors.retain(self._space, known())
            self._whole = self.changed = True

    async def _read_again(self, ids: list[int], known: Callable[[], Collection[int]]) -> None:
        self._come.difference_update(ids)  # before anything is waited for: they may come once more meanwhile
        try:
            found = await self._query().filter(item_id__in=ids).values_list("revision", "id", "item_id", "vector")
            await self._put(found, known())
        except BaseException:
            self._come.update(ids)
            raise

    def _query(self) -> QuerySet[ItemVector]:
        space = self._space
        return ItemVector.filter(model=space.model, version=space.version, dimension=space.dimension)

    async def _put(self, rows: list[Any], known: Collection[int]) -> None:
        kept = [(item_id, vector) for _, _, item_id, vector in rows if item_id in known]
        found = await asyncio.to_thread(_decoded, kept, self._space.dimension)
        if len(found) < len(kept):
            log.warning("items.vectors_unreadable", items=[item_id for item_id, _ in kept if item_id not in found][:10])
        if found:
            await self._vectors.put(self._space, found)
            self.found = self.changed = True


def _decoded(rows: list[tuple[int, bytes]], dimension: int) -> dict[int, NDArray[np.float32]]:
    """The vectors of rows, without those that are none."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    whole = [(item_id, vector) for item_id, vector in rows if len(vector) == dimension * 4]
    matrix = np.frombuffer(b"".join(vector for _, vector in whole), np.float32).reshape(-1, dimension)
    finite = np.isfinite(np.abs(matrix).max(axis=1, initial=0.0))
    return {item_id: matrix[row] for row, (item_id, _) in enumerate(whole) if finite[row]}
