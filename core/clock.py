"""Time comes from here and from nowhere else, so that one clock can move the whole application."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the application asks of time."""

    def now(self) -> datetime:
        """The present moment, timezone-aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return once this clock has moved on by `seconds`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # ruff: ignore[banned-api] -- this is the place that all others ask

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class AdjustableClock(SystemClock):
    """The machine's clock with a head start that can be given to it while it runs. Never in production."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return super().now() + self._ahead

    async def sleep(self, seconds: float) -> None:
        moment = self.now() + timedelta(seconds=seconds)
        while (left := (moment - self.now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()

    def set_ahead(self, ahead: timedelta) -> None:
        """Be so much ahead of the machine's clock. Whoever sleeps looks at once whether it is time to wake."""
        if ahead == self._ahead:
            return
        self._ahead = ahead
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
