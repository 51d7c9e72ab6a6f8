"""The model that this process serves by: the newest one that it can read."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from core.tasks import ended
from models.collaborative import CollaborativeModel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from adapters.bus import Bus
    from adapters.database import Database
    from services.recommendations.collaborative.model import Model, Signal

CHANNEL = "collaborative.fitted"
LOOK_EVERY = 4.0
"""Real seconds between two looks at the table. Five are promised to a process that no message reaches."""

log = structlog.get_logger(__name__)


class Collaborative:
    """Ranks by the newest model that this process can read. `ready` once there is one.

    `loaded` once it has been looked for, whether there is one or not.
    """

    def __init__(self, database: Database, bus: Bus) -> None:
        self.loaded = False
        self._database = database
        self._bus = bus
        self._model: Model | None = None
        self._serving = 0
        self._refused: set[int] = set()
        self._lost = False
        self._stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def ready(self) -> bool:
        """Whether anything has been learnt yet."""
        return self._model is not None and len(self._model.items) > 0

    @property
    def serving(self) -> int:
        """The number of the model that ranks; 0 while there is none."""
        return self._serving

    def rank(
        self, history: Sequence[Signal], *, limit: int, without: Collection[int] = ()
    ) -> list[tuple[int, float, int]]:
        """Items that the history speaks for: id, score, and the item of the history that speaks loudest for it."""
        return self._model.rank(history, limit=limit, without=without) if self._model else []

    def popular(self, limit: int, *, without: Collection[int] = ()) -> list[tuple[int, float]]:
        """What many people met lately, and how much of that there was."""
        return self._model.popular(limit, without=without) if self._model else []

    async def open(self) -> None:
        """Begin to follow the table."""
        self._unsubscribe = self._bus.subscribe(CHANNEL, lambda _: self._stale.set(), resync=self._stale.set)
        self._stale.set()
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop following."""
        self._unsubscribe()
        await ended(self._task)

    async def load(self) -> None:
        """Read the newest model, unless it is the one that serves. What cannot be read is logged once and passed by."""
        await self._load()
        self.loaded = True

    async def _load(self) -> None:
        ids: Any = await CollaborativeModel.all().order_by("-id").values_list("id", flat=True)
        for model_id in ids:
            if model_id == self._serving:
                return
            if model_id in self._refused:
                continue
            if (row := await CollaborativeModel.get_or_none(id=model_id)) and (model := await _read(row)):
                self._model, self._serving = model, row.id
                log.info("collaborative.loaded", model=row.id, kind=row.kind, items=row.items, people=row.people)
                return
            self._refused.add(model_id)

    async def _follow(self) -> None:
        with self._database.bound():
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._stale.wait()
                self._stale.clear()
                try:
                    await self.load()
                except Exception as error:  # ruff: ignore[blind-except] -- what was known last is served on
                    if not self._lost:
                        log.warning("collaborative.not_read", reason=str(error) or type(error).__name__)
                    self._lost = True
                else:
                    self._lost = False


async def _read(row: CollaborativeModel) -> Model | None:
    """The model of a row; None, and a line in the log, when it is of another format or damaged."""
    from services.recommendations.collaborative import model  # ruff: ignore[import-outside-top-level] -- start time

    if row.format != model.FORMAT:
        log.warning("collaborative.refused", model=row.id, reason=f"Its format is {row.format}, ours {model.FORMAT}.")
        return None
    if hashlib.sha256(row.content).hexdigest() != row.sha256:
        log.warning("collaborative.refused", model=row.id, reason="Its content is not what was written.")
        return None
    try:
        return await asyncio.to_thread(model.decoded, row.content)
    except model.UnreadableModel as error:
        log.warning("collaborative.refused", model=row.id, reason=str(error))
        return None
