"""News by key: one listener a process tells whoever waits for one user's changes, each time at most once behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime

    from adapters.bus import Bus
    from core.clock import Clock

LONGEST_SLEEP = 60.0
"""Seconds until the clock is looked at again: it may have been set meanwhile."""


class Signals:
    """The waiting of one process on one channel, whose messages are keys."""

    def __init__(self, bus: Bus, channel: str) -> None:
        self._bus = bus
        self._channel = channel
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._unsubscribe: Callable[[], None] | None = None

    def open(self) -> None:
        """Begin to listen."""
        self._unsubscribe = self._bus.subscribe(self._channel, self._tell, resync=self._tell_all)

    def close(self) -> None:
        """Stop listening."""
        if self._unsubscribe:
            self._unsubscribe()

    async def publish(self, key: str) -> None:
        """Tell every process that `key` changed."""
        await self._bus.publish(self._channel, key)

    async def changes(
        self,
        key: str,
        clock: Clock | None = None,
        due: Callable[[], datetime | None] = lambda: None,
        also: Sequence[tuple[Signals, str]] = (),
    ) -> AsyncGenerator[None, None]:
        """Once at once, and then at each change; changes that come while nobody looks are one.

        With a clock, also at the moment that `due` names each time when the waiting begins. `also` names keys of other
        channels whose changes count too.
        """
        event = asyncio.Event()
        places = ((self, key), *also)
        for signals, each in places:
            signals.add(each, event)
        try:
            while True:
                yield
                await _rung(event, clock, due())
                event.clear()
        finally:
            for signals, each in places:
                signals.discard(each, event)

    def add(self, key: str, event: asyncio.Event) -> None:
        """Have an event set at each change of a key."""
        self._waiting.setdefault(key, set()).add(event)

    def discard(self, key: str, event: asyncio.Event) -> None:
        """Have it set no more."""
        waiting = self._waiting[key]
        waiting.discard(event)
        if not waiting:
            del self._waiting[key]

    def _tell(self, key: str) -> None:
        for event in self._waiting.get(key, ()):
            event.set()

    def _tell_all(self) -> None:
        for key in self._waiting:
            self._tell(key)


async def _rung(event: asyncio.Event, clock: Clock | None, moment: datetime | None) -> None:
    """Wait for the event, or until the clock shows the moment."""
    if clock is None or moment is None:
        await event.wait()
        return
    alarm = asyncio.create_task(_ring(event, clock, moment))
    try:
        await event.wait()
    finally:
        alarm.cancel()


async def _ring(event: asyncio.Event, clock: Clock, moment: datetime) -> None:
    while (left := (moment - clock.now()).total_seconds()) > 0:
        await clock.sleep(min(left, LONGEST_SLEEP))
    event.set()
