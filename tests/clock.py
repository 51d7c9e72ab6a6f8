"""A clock that tests move by hand; everything that asks the app for time moves with it."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._order = count()
        self._alarms: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self._now + timedelta(seconds=seconds), next(self._order), alarm))
        await alarm

    async def advance(self, step: timedelta) -> None:
        """Move on at once; whoever should have woken meanwhile wakes now, as after a machine's sleep."""
        self._now += step
        while self._alarms and self._alarms[0][0] <= self._now:
            _, _, alarm = heapq.heappop(self._alarms)
            if not alarm.done():
                alarm.set_result(None)
        await settle()

    async def run(self, seconds: int) -> None:
        """Move on second by second, so that everybody sees each of them."""
        for _ in range(seconds):
            await self.advance(timedelta(seconds=1))

    async def jump(self, to: datetime) -> None:
        """Be somewhere else at once, as when a machine's clock is set; who sleeps wakes as real sleepers do."""
        self._now = to
        alarms, self._alarms = self._alarms, []
        for _, _, alarm in alarms:
            if not alarm.done():
                alarm.set_result(None)
        await settle()


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)
