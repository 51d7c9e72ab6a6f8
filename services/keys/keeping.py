"""Keeping the ring of one process in step with the table: at start, at each rotation, each minute, at need."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from tortoise.expressions import Q

from core.keys import Envelope, SealedElsewhereError, SealingKey, SigningKey, new_material
from core.settings import SettingsError
from core.tokens import UnknownKeyError
from models.keys import Key, KeyUse

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from adapters.bus import Bus
    from adapters.database import Database
    from core.clock import Clock
    from core.tokens import AccessClaims, KeyRing

CHANNEL = "keys.rotated"
LOOK_EVERY = 60.0
"""Seconds, by the app's clock, after which a process has read every change of the table."""
LOOK_AGAIN_AFTER = 5.0
"""Real seconds between looks for keys that tokens name: whatever stands in them, it costs no more queries."""
UNOPENED = (
    "SECRET_KEY: no secret of the list opens the keys in the database; the one that they were sealed with, put back at "
    "the end of the list, would be right"
)
LOST = (
    "DATABASE_URL: the table keys of this database has lost what it had for {}; the database, or this table of it, "
    "restored from a backup would be right"
)

log = structlog.get_logger(__name__)


class KeyKeeper:
    """Loads `ring` from the table and keeps it fresh. `envelope` is how keys are sealed there."""

    def __init__(self, ring: KeyRing, envelope: Envelope, clock: Clock, database: Database, bus: Bus) -> None:
        self.envelope = envelope
        self._ring = ring
        self._clock = clock
        self._database = database
        self._bus = bus
        self._looking = asyncio.Lock()
        self._looked_at = -LOOK_AGAIN_AFTER
        self._stale = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] | None = None

    async def open(self) -> None:
        """Load the keys, make the first ones of a new database, and begin to follow. Raises SettingsError."""
        self._unsubscribe = self._bus.subscribe(CHANNEL, lambda _: self._stale.set(), resync=self._stale.set)
        try:
            await self._load_or_begin()
        except SealedElsewhereError as error:
            raise SettingsError([UNOPENED]) from error
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._tick())]

    async def close(self) -> None:
        """Stop following."""
        if self._unsubscribe:
            self._unsubscribe()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def read_access_token(self, token: str, now: datetime) -> AccessClaims:
        """The claims of a genuine, unexpired access token. Raises InvalidTokenError.

        For a key that the ring does not hold the table is asked, once in a few seconds however many ask.
        """
        try:
            return self._ring.read_access_token(token, now)
        except UnknownKeyError:
            await self._look_again()
            return self._ring.read_access_token(token, now)

    async def load(self) -> None:
        """Give the ring what the table holds. One query. Raises SealedElsewhereError."""
        self._give(await standing(self._clock.now()))

    async def _load_or_begin(self) -> None:
        """Load; where there has never been a key, make the first ones. Raises SettingsError for a use without a key.

        Only an empty table is a beginning. A key that is missing beside others was lost, and one made in its place
        would know nobody again: who has had a trial would have a second one.
        """
        now = self._clock.now()
        rows = await standing(now)
        if not rows and not await Key.exists():
            await self._make_first(now)
        if missing_from(rows):  # or another process made them since
            rows = await standing(now)
        if missing := missing_from(rows):
            raise SettingsError([LOST.format(" and ".join(missing))])
        self._give(rows)

    async def _make_first(self, now: datetime) -> None:
        """A key of each use, all in one transaction: of two that start at once one makes them for both."""
        made = [new_key(self.envelope, use, 1, created_at=now, active_at=now) for use in sorted(KeyUse)]
        async with self._database.transaction():
            await Key.bulk_create(made, ignore_conflicts=True)

    def _give(self, rows: list[Key]) -> None:
        opened = [(row, self.envelope.open(row.sealed, name_of(row.use, row.kid))) for row in rows]
        signing = [SigningKey(raw, row.active_at, row.retired_at) for row, raw in opened if row.use is KeyUse.SIGN]
        sealing = [SealingKey(row.kid, raw, row.active_at) for row, raw in opened if row.use is KeyUse.SEAL]
        [identifying] = [raw for row, raw in opened if row.use is KeyUse.IDENTIFY]
        self._ring.load(signing, sealing, identifying)

    async def _look_again(self) -> None:
        """Read the table, unless that was done a moment ago; who comes meanwhile waits for the same look."""
        async with self._looking:
            loop = asyncio.get_running_loop()
            if loop.time() - self._looked_at < LOOK_AGAIN_AFTER:
                return
            self._looked_at = loop.time()
            with self._database.bound(), suppress(SealedElsewhereError):  # `_follow` logs it, each minute
                await self.load()

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY)
            self._stale.set()

    async def _follow(self) -> None:
        with self._database.bound():
            while True:
                await self._stale.wait()
                self._stale.clear()
                try:
                    await self.load()
                except Exception as error:  # the ring that it has serves on, and the next look comes in a minute
                    log.warning("keys.not_loaded", exc_info=error)


async def standing(now: datetime) -> list[Key]:
    """The keys that have not retired, the oldest first."""
    return await Key.filter(Q(retired_at=None) | Q(retired_at__gt=now)).order_by("number")


def missing_from(rows: list[Key]) -> list[KeyUse]:
    """The uses that none of these keys is for."""
    return sorted(set(KeyUse) - {row.use for row in rows})


def new_key(envelope: Envelope, use: KeyUse, number: int, *, created_at: datetime, active_at: datetime) -> Key:
    """The row of a new key. A signing key is named by its thumbprint, any other one by chance."""
    material = new_material()
    kid = SigningKey(material, active_at).id if use is KeyUse.SIGN else secrets.token_hex(8)
    sealed = envelope.seal(material, name_of(use, kid))
    return Key(kid=kid, use=use, number=number, sealed=sealed, created_at=created_at, active_at=active_at)


def name_of(use: KeyUse, kid: str) -> str:
    """What a key is sealed for: no row can stand for another."""
    return f"{use}.{kid}"
