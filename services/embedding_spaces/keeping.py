"""The embeddings that serve, in one process: the space that a row names, looked up every two seconds and when told."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from adapters.embeddings import Space, open_embeddings
from adapters.embeddings.port import DEADLINE
from core.errors import Unavailable
from core.tasks import ended
from models.embedding_spaces import EmbeddingProcess, EmbeddingSpace, ServingSpace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from adapters.bus import Bus
    from adapters.database import Database
    from adapters.embeddings import Embeddings
    from adapters.openai import OpenAI
    from core.clock import Clock

CHANNEL = "embeddings.flipped"
LOOK_EVERY = 2.0
"""Real seconds between two looks at the row: so late is a process that no message has reached."""
LOOK_WITHIN = 3.0
"""Real seconds that one look may take; with the above, five."""
PREPARED_WITHIN = 30.0
"""Real seconds that a space has to be made ready in, after a sign of life: with a look, less than `LIVE`."""
LOOKS_A_SIGN = 6
"""Looks between two signs of life: more time than a call has, and what served before is closed with a sign."""
LIVE = timedelta(seconds=45)
"""How long after its last sign of life a process still counts: three signs may be missed."""

log = structlog.get_logger(__name__)


class Unable:
    """Embeddings of a space that this process cannot make: what is stored is searched, and no text is understood."""

    def __init__(self, space: Space) -> None:
        self.space = space

    async def open(self) -> None:
        """Nothing is to be opened."""

    async def close(self) -> None:
        """Nothing is open."""

    async def embed(self, texts: Sequence[str], *, deadline: float = DEADLINE) -> NDArray[np.float32]:
        """Raise Unavailable."""
        raise Unavailable


async def nothing(_: Space) -> None:
    """Nothing has to be made ready for a space."""


class SpaceKeeper:
    """Is itself the embeddings that serve, so that who keeps it sees each change; `serving` is those of this moment.

    `configured` is what the settings name by `url`: it serves when no other space does yet. `prepare` is called with a
    space before it serves, `moved` after each change. Who makes vectors that are kept takes `serving` once, and stores
    them with its space.
    """

    def __init__(
        self,
        url: str,
        configured: Embeddings,
        openai: OpenAI | None,
        database: Database,
        bus: Bus,
        clock: Clock,
        moved: Callable[[], Awaitable[None]],
    ) -> None:
        self.configured = configured
        self.serving = configured
        self._url = url
        self._openai = openai
        self._database = database
        self._bus = bus
        self._clock = clock
        self.prepare: Callable[[Space], Awaitable[None]] = nothing
        self._moved = moved
        self._name = secrets.token_hex(16)
        self._opened: dict[Space, Embeddings] = {configured.space: configured}
        self._formers: list[Embeddings] = []
        self._warm = False
        self._lost = False
        self._stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def space(self) -> Space:
        """The space that serves."""
        return self.serving.space

    @property
    def able(self) -> bool:
        """Whether this process understands texts in the space that serves."""
        return not isinstance(self.serving, Unable)

    async def open(self) -> None:
        """See which space serves, say which one the settings name, and begin to follow."""
        self._unsubscribe = self._bus.subscribe(CHANNEL, lambda _: self._stale.set(), resync=self._stale.set)
        await self._look(sign=True)
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop following, and close what was opened here besides the configured embeddings, which are the caller's."""
        self._unsubscribe()
        await ended(self._task)
        with self._database.bound(), suppress(Exception):
            async with asyncio.timeout(LOOK_WITHIN):
                await EmbeddingProcess.filter(name=self._name).delete()
        for embeddings in self._opened.values():
            if embeddings is not self.configured:
                await embeddings.close()

    async def warm(self) -> None:
        """Make what serves ready, now and after each change: a model loads, a client is made."""
        self._warm = True
        await self.serving.open()

    async def embed(self, texts: Sequence[str], *, deadline: float = DEADLINE) -> NDArray[np.float32]:
        """Vectors in the space that serves as this is called. Raises Unavailable."""
        return await self.serving.embed(texts, deadline=deadline)

    def embeddings_of(self, row: EmbeddingSpace) -> Embeddings:
        """The embeddings of a space: opened by its URL where this process can, else such as always are Unavailable."""
        space = Space(row.model, row.dimension, row.version)
        if space not in self._opened:
            self._opened[space] = self._open(row.url, space)
        return self._opened[space]

    def _open(self, url: str, space: Space) -> Embeddings:
        try:
            opened = open_embeddings(url, self._openai)
        except ValueError:
            log.warning("embeddings.cannot_be_opened", model=space.model, version=space.version)
            return Unable(space)
        if opened.space != space:  # this release has another version of the model
            log.warning("embeddings.other_version", model=space.model, version=space.version, ours=opened.space.version)
            return Unable(space)
        return opened

    async def _look(self, *, sign: bool) -> None:
        """Read the row, and give a sign of life; what was known last serves on where that is not possible."""
        with self._database.bound():
            try:
                async with asyncio.timeout(LOOK_WITHIN):
                    if sign:
                        await self._give_sign()
                    row = await ServingSpace.get(id=1).select_related("space")
                await self._serve(row.space)
            except Exception as error:  # ruff: ignore[blind-except] -- as said
                if not self._lost:
                    log.warning("embeddings.not_looked_up", reason=str(error) or type(error).__name__)
                self._lost = True
            else:
                self._lost = False

    async def _serve(self, row: EmbeddingSpace) -> None:
        embeddings = self.embeddings_of(row)
        if embeddings is self.serving:
            return
        if self._task:  # something serves already, and goes on until what follows can be searched
            await self._prepared(embeddings.space)
        self._formers.append(self.serving)
        self.serving = embeddings
        log.info("embeddings.serving", model=row.model, version=row.version)
        if self._warm:
            await embeddings.open()
        await self._moved()

    async def _prepared(self, space: Space) -> None:
        try:
            async with asyncio.timeout(PREPARED_WITHIN):
                await self._give_sign()
                await self.prepare(space)
        except Exception as error:  # ruff: ignore[blind-except] -- vectors that cannot be had now hold back no flip
            log.warning("embeddings.not_prepared", model=space.model, reason=str(error) or type(error).__name__)

    async def _give_sign(self) -> None:
        """Say which space the settings name. It serves if none does."""
        now, space = self._clock.now(), self.configured.space
        named: dict[str, Any] = {"model": space.model, "dimension": space.dimension, "version": space.version}
        await EmbeddingSpace.bulk_create([EmbeddingSpace(**named, url=self._url, used_at=now)], ignore_conflicts=True)
        row = await EmbeddingSpace.get(**named)
        sign = EmbeddingProcess(name=self._name, space_id=row.id, seen_at=now)
        await EmbeddingProcess.bulk_create([sign], on_conflict=["name"], update_fields=["space_id", "seen_at"])
        await ServingSpace.bulk_create([ServingSpace(id=1, space_id=row.id, since=now)], ignore_conflicts=True)

    async def _close_formers(self) -> None:
        """Give back all that served before, models' memory above all, once calls that had it have ended."""
        formers, self._formers = self._formers, []
        for former in {*formers} - {self.serving, self.configured}:
            del self._opened[former.space]
            with suppress(Exception):  # whatever it is, who follows goes on
                await former.close()

    async def _follow(self) -> None:
        looks = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._stale.wait()
            self._stale.clear()
            looks += 1
            sign = looks % LOOKS_A_SIGN == 0
            await self._look(sign=sign)
            if sign:
                await self._close_formers()
