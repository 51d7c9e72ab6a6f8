"""The items in this process: facts and vectors, read from rows at start and, by the changes alone, ever after."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from services.recommendations import revisions
from services.recommendations.reading import Facts, Known, SpaceRows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from adapters.bus import Bus
    from adapters.database import Database
    from adapters.embeddings import Embeddings, Space
    from adapters.vectors import Vectors

CHANNEL = revisions.CHANNEL
LOOK_EVERY = 2.0
"""Real seconds between two looks at the number of changes: so late is a process that no message has reached.

Five seconds are promised. What is left of them is for reading what has changed, and for a machine that is busy.
"""
LOOK_WITHIN = 5.0
"""Real seconds in which the number of changes is read, or the database is taken as lost."""
VECTORS_WITHIN = 1.0
"""Real seconds that a look waits for vectors. Then they go on being read beside it, and facts do not wait for them."""
SWEEP_EVERY = 3600.0
"""Real seconds between two readings of all facts, for rows that somebody has changed by hand."""
DROP_AFTER = 60.0
"""Real seconds that a space which serves no more is kept, for processes that have not seen the change yet."""

log = structlog.get_logger(__name__)


class ItemIndex:
    """Keeps facts, and vectors of the space that serves, in step with the rows.

    `ready` once that space can be searched. While another space is being loaded the one before it serves on; `space`
    says which it is, and changes when the last vector is there.
    """

    def __init__(self, embeddings: Embeddings, vectors: Vectors, database: Database, bus: Bus) -> None:
        self.known: Mapping[int, Known] = {}
        self.space: Space | None = None
        self._embeddings = embeddings
        self._vectors = vectors
        self._database = database
        self._bus = bus
        self._categories: tuple[Mapping[int, Known], frozenset[str]] = self.known, frozenset()
        self._facts = Facts()
        self._gone: set[int] = set()
        self._spaces: dict[Space, SpaceRows] = {}
        self._unused: dict[Space, float] = {}
        self._facts_seen = -1
        self._vectors_due = True
        self._whole = -1
        self._version = 0
        self._sweep_at = monotonic() + SWEEP_EVERY
        self._looked_at = monotonic()
        self._lost = False
        self._turn = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._step: asyncio.Task[None] | None = None
        self._stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def ready(self) -> bool:
        """Whether the space that serves can be searched."""
        return self.space is not None and self.space == self._embeddings.space

    @property
    def revision(self) -> int | None:
        """The number of the catalogue's last change that is known here; None while not all until then is here."""
        return self._whole if self.ready and self._whole == self._facts_seen else None

    @property
    def version(self) -> int:
        """Changes whenever anything has been brought in."""
        return self._version

    @property
    def age(self) -> float:
        """Real seconds since all that had changed was known here."""
        return monotonic() - self._looked_at

    @property
    def categories(self) -> frozenset[str]:
        """The categories of all items that are known."""
        if self._categories[0] is not self.known:
            self._categories = self.known, frozenset(known.category for known in self.known.values())
        return self._categories[1]

    def vector_of(self, item_ids: Collection[int]) -> dict[int, NDArray[np.float32]]:
        """The vectors of these items in `space`, of unit length and not to be changed; without those unknown."""
        return self._vectors.held(self.space, item_ids) if self.space else {}

    async def open(self) -> None:
        """Begin to follow the rows."""
        self._unsubscribe = self._bus.subscribe(CHANNEL, lambda _: self._stale.set(), resync=self._stale.set)
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop following."""
        self._unsubscribe()
        for task in (self._task, self._step):
            if task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def prepare(self, space: Space) -> None:
        """Load another space beside the one that serves; when this returns, it can be searched.

        Who calls it before `embeddings.space` changes serves without a gap. Raises Unavailable, and what the database
        raises.
        """
        with self._database.bound():
            async with self._turn:
                await self._follow_facts()
            async with self._loading:
                await self._load(space)

    async def look(self) -> None:
        """Bring in what has changed since the last look, if anything. Raises what database and vectors raise.

        Vectors that take longer than `VECTORS_WITHIN` go on coming in; the next look waits for them again, and `age`
        grows until they are there.
        """
        async with self._turn:
            await self._follow_facts()
            if await self._follow_vectors(self._embeddings.space):
                self._looked_at = monotonic()

    async def _follow(self) -> None:
        with self._database.bound():
            while True:
                self._stale.clear()
                try:
                    await self.look()
                except Exception as error:  # ruff: ignore[blind-except] -- what is known serves on
                    self._tell(error)
                else:
                    if not self._step:
                        self._tell(None)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):  # `wait_for` may swallow the cancellation that ends this
                        await self._stale.wait()

    async def _follow_facts(self) -> None:
        async with asyncio.timeout(LOOK_WITHIN):
            number = await revisions.present()
        if number != self._facts_seen or monotonic() >= self._sweep_at:
            await self._read_facts(number)

    async def _read_facts(self, number: int) -> None:
        """The facts of what has changed; of everything when a sweep is due, or the database is another one."""
        anew = number < self._facts_seen or monotonic() >= self._sweep_at
        facts = Facts() if anew else self._facts
        come, gone = await facts.read()
        if anew:
            come, gone = facts.known.keys() - self.known.keys(), self.known.keys() - facts.known.keys()
            self._sweep_at = monotonic() + SWEEP_EVERY
        if number < self._facts_seen:
            self._spaces.clear()
        self._facts, self.known = facts, facts.known
        self._gone = (self._gone - come) | gone
        for rows in self._spaces.values():
            rows.come(come)
        self._facts_seen = number
        self._vectors_due = True
        self._version += 1

    async def _follow_vectors(self, space: Space) -> bool:
        """Whether they are as the rows say; if not, they are being read."""
        if self._step and not await self._stepped(self._step):
            return False
        if self._lags(space) or self._unused_are_due:
            self._step = asyncio.create_task(self._bring(space))
            return await self._stepped(self._step)
        return True

    async def _stepped(self, step: asyncio.Task[None]) -> bool:
        """Whether it has ended in time. Raises what it has raised."""
        await asyncio.wait({step}, timeout=VECTORS_WITHIN)
        if not step.done():
            step.add_done_callback(lambda _: self._stale.set())
            return False
        self._step = None
        step.result()
        return True

    def _lags(self, space: Space) -> bool:
        lost = not self._vectors.intact(space)
        return self._vectors_due or lost or space != self.space or space not in self._spaces

    async def _bring(self, space: Space) -> None:
        async with self._loading:
            if self._lags(space):
                if not self._vectors.intact(space):
                    self._spaces.pop(space, None)
                self._vectors_due, seen = False, self._facts_seen  # unless facts change while this runs
                try:
                    await self._load(space)
                except BaseException:
                    self._vectors_due = True
                    raise
                self._serve(space)
                self._whole = seen
            await self._drop_unused()

    async def _load(self, space: Space) -> None:
        gone, self._gone = self._gone, set()
        try:
            await self._vectors.remove(gone)
        except BaseException:
            self._gone |= gone - self.known.keys()
            raise
        rows = self._spaces.setdefault(space, SpaceRows(space, self._vectors))
        rows.changed |= bool(gone)
        self._unused.pop(space, None)
        await rows.read(lambda: self.known)
        self._version += rows.changed
        rows.changed = False

    def _serve(self, space: Space) -> None:
        """From here on this space serves, if there is anything in it and no other one is wanted by now."""
        rows = self._spaces.get(space)
        if rows and rows.found and space != self.space and space == self._embeddings.space:
            if self.space:
                self._unused[self.space] = monotonic() + DROP_AFTER
            self.space = space
            log.info("items.indexed", items=len(self.known), model=space.model, version=space.version)

    @property
    def _unused_are_due(self) -> bool:
        return any(monotonic() >= due for due in self._unused.values())

    async def _drop_unused(self) -> None:
        for space in [space for space, due in self._unused.items() if monotonic() >= due]:
            self._spaces.pop(space, None)
            await self._vectors.drop(space)
            del self._unused[space]

    def _tell(self, error: Exception | None) -> None:
        """Log the first look that fails, and the first that succeeds again."""
        if error is not None and not self._lost:
            log.warning("items.not_read", reason=str(error) or type(error).__name__)
        elif error is None and self._lost:
            log.info("items.read_again")
        self._lost = error is not None
