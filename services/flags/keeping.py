"""How flags stand in one process: read at start, at each change, each half second; the last that was known when not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from adapters.flags import Reason, Resolution
from models.flags import FeatureFlag
from services.flags.bucketing import BUCKETS, bucket_of, variant_of
from services.flags.exposing import Exposures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from adapters.bus import Bus
    from adapters.database import Database
    from adapters.flags import Flags
    from services.flags.declaring import Flag

CHANNEL = "flags.changed"
LOOK_EVERY = 0.5
"""Real seconds between two looks at the table: so late is a process that no message has reached.

Two seconds are promised. What is left of them is for a machine that is busy.
"""
LOOK_WITHIN = 5.0
"""Real seconds that one look may take."""
WRITE_EVERY = 1.0
"""Real seconds between two writes of exposures: what a process that dies at once may lose."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class State:
    """How a flag was set: `rollout` is in buckets."""

    rollout: int
    killed: bool


class FlagKeeper:
    """Decides from `declared` and from the table, whose rows it keeps in memory."""

    def __init__(self, declared: dict[str, Flag], flags: Flags, database: Database, bus: Bus) -> None:
        self.declared = declared
        self.exposures = Exposures()
        self._flags = flags
        self._database = database
        self._bus = bus
        self._states: dict[str, State] = {}
        self._lost = False
        self._reading = asyncio.Lock()
        self._stale = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Read the table and begin to follow. Where it cannot be read, flags are as they were declared."""
        self._unsubscribe = self._bus.subscribe(CHANNEL, lambda _: self._stale.set(), resync=self._stale.set)
        await self.look()
        await self._flags.open(self.resolve)
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._keep_writing())]

    async def close(self) -> None:
        """Stop following, and write what was noted."""
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.write()
        await self._flags.close()

    async def evaluate(self, key: str, who: str | None, attributes: Mapping[str, str]) -> Resolution:
        """How a flag stands for somebody; off when there is no such flag."""
        return await self._flags.evaluate(key, who, attributes)

    async def load(self) -> None:
        """Read the table. One statement. A look that began earlier never undoes what a later one has seen."""
        async with self._reading, asyncio.timeout(LOOK_WITHIN):
            self._states = {row.key: State(row.rollout, row.killed) for row in await FeatureFlag.all()}

    async def look(self) -> None:
        """Read the table if that is possible; else what was known last is served on."""
        with self._database.bound():
            try:
                await self.load()
            except Exception as error:  # ruff: ignore[blind-except] -- as said
                self._tell(str(error) or type(error).__name__)
            else:
                self._tell(None)

    async def write(self) -> None:
        """Write what was noted if that is possible; else it waits."""
        with self._database.bound():
            try:
                await self.exposures.write()
            except Exception as error:  # ruff: ignore[blind-except] -- as said
                log.warning("flags.exposures_not_written", reason=str(error) or type(error).__name__)

    def state_of(self, flag: Flag) -> State:
        """How a flag was set; as it was declared when nobody has set it."""
        return self._states.get(flag.key) or State(BUCKETS if flag.default else 0, killed=False)

    def resolve(self, key: str, who: str | None, attributes: Mapping[str, str]) -> Resolution | None:
        """Decide, from memory. Who is nobody known has what everybody has, and is in no experiment."""
        flag = self.declared.get(key)
        if flag is None:
            return None
        state = self.state_of(flag)
        if state.killed:
            return Resolution(enabled=False, variant=None, reason=Reason.DISABLED)
        if not flag.is_meant_for(attributes):
            return Resolution(enabled=False, variant=None, reason=Reason.DEFAULT)
        if who is None or state.rollout == 0:
            return Resolution(enabled=state.rollout == BUCKETS, variant=None, reason=Reason.STATIC)
        if bucket_of(flag.rollout_seed, who) >= state.rollout:
            return Resolution(enabled=False, variant=None, reason=Reason.SPLIT)
        return Resolution(enabled=True, variant=variant_of(flag.variants, flag.variant_seed, who), reason=Reason.SPLIT)

    async def _follow(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):  # `wait_for` may swallow the cancellation that ends this
                    await self._stale.wait()
            self._stale.clear()
            await self.look()

    def _tell(self, fault: str | None) -> None:
        """Log the first look that fails, and the first that succeeds again: there are two a second."""
        if fault is not None and not self._lost:
            log.warning("flags.not_read", reason=fault)
        elif fault is None and self._lost:
            log.info("flags.read_again")
        self._lost = fault is not None

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self.write()
