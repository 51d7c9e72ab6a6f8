"""Turns at the database: what thousands begin in the same moment waits in line, not with a connection each.

A pool serves in the order of asking. Ten thousand who ask it at once would have the look at sessions, and everybody
else, wait behind them. And one client who opens thousands of sockets would have all others wait behind itself: so each
network has a line of its own, and they are served by turns.
"""

import asyncio
from collections import OrderedDict
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


Line = OrderedDict[asyncio.Future[None], None]
"""Who waits, in their order; whoever leaves is found at once."""


class Turns:
    """A line for each client, in which nobody is overtaken. The clients have their turns by rotation.

    When all places are taken, the client that has most of them gives one to whoever has fewer: its last comer is sent
    away. So one client alone may fill the line, and never keeps another one out of it.
    """

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._free = at_once
        self._longest = waiting
        self._lines: OrderedDict[str, Line] = OrderedDict()
        """Those who wait, by client. The first client is the next one to be served."""
        self.waiting = 0
        """How many stand in line."""

    @asynccontextmanager
    async def turn(self, client: str = "") -> AsyncGenerator[None, None]:
        """Wait for a turn, and have it for as long as the context lasts.

        Raises Unavailable when the line is full, and where a place in it had to be given up.
        """
        await self._wait(client)
        try:
            yield
        finally:
            self._free += 1
            self._serve()

    async def _wait(self, client: str) -> None:
        if self.waiting >= self._longest:
            self._make_room(client)
        if self._free and not self._lines:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(client, Line())[place] = None
        self.waiting += 1
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._out(client, place)
            elif not place.exception():  # their turn had come, and they are not there to have it
                self._free += 1
                self._serve()
            raise

    def _serve(self) -> None:
        """Give free turns to those who wait, one to each client in its turn."""
        while self._free and self._lines:
            client, line = next(iter(self._lines.items()))
            self._lines.move_to_end(client)
            place = self._out(client, next(iter(line)))
            if not place.done():
                self._free -= 1
                place.set_result(None)

    def _make_room(self, client: str) -> None:
        """Send the last comer of the longest line away. Raises Unavailable where that is this client's own."""
        own = len(self._lines.get(client, ()))
        if not self._lines or own * len(self._lines) >= self.waiting:  # a fair part, or more: without looking at all
            raise Unavailable(retry_after=RETRY_AFTER)
        longest = max(self._lines, key=lambda name: len(self._lines[name]))
        if len(self._lines[longest]) <= own + 1:
            raise Unavailable(retry_after=RETRY_AFTER)
        place = self._out(longest, next(reversed(self._lines[longest])))
        if not place.done():
            place.set_exception(Unavailable(retry_after=RETRY_AFTER))

    def _out(self, client: str, place: asyncio.Future[None]) -> asyncio.Future[None]:
        """Take somebody out of their line, if they still stand in it."""
        line = self._lines.get(client, Line())
        if place in line:
            del line[place]
            self.waiting -= 1
            if not line:
                del self._lines[client]
        return place


class Share:
    """The part of a client's line that one socket may have."""

    __slots__ = ("_own",)

    def __init__(self, at_once: int = OF_ONE) -> None:
        self._own = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def turn(self, line: Turns, client: str = "") -> AsyncGenerator[None, None]:
        """Wait for a turn among its own, and then in the client's line. Raises Unavailable as that does."""
        async with self._own, line.turn(client):
            yield
