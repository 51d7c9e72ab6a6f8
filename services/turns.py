"""Turns at the database: what thousands begin in the same moment waits in line, not with a connection each.

A pool serves in the order of asking. Ten thousand who ask it at once would have the look at sessions, and everybody
else, wait behind them.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from core.errors import Unavailable

AT_ONCE = 8
"""Of the pool's ten connections: the two others are left to those who stand in no line."""
WAITING = 10_000
"""As many as one process is made to hold."""
OF_ONE = 4
"""How many of one socket stand in line or have their turn: its others wait behind them, not before everybody else."""
RETRY_AFTER = 15.0
"""Seconds in which about half of a full line has had its turn."""


class Turns:
    """One line, in which nobody is overtaken."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._longest = waiting
        self.waiting = 0
        """How many stand in line."""

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None, None]:
        """Wait for a turn, and have it for as long as the context lasts. Raises Unavailable when the line is full."""
        if self.waiting >= self._longest:
            raise Unavailable(retry_after=RETRY_AFTER)
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._free.release()


class Share:
    """The part of the line that one socket may have."""

    __slots__ = ("_own",)

    def __init__(self, at_once: int = OF_ONE) -> None:
        self._own = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def turn(self, line: Turns) -> AsyncGenerator[None, None]:
        """Wait for a turn among its own, and then in the line. Raises Unavailable when that is full."""
        async with self._own, line.turn():
            yield
