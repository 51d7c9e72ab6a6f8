"""Time comes from here and from nowhere else, so that one clock can move the whole application."""

import asyncio
from datetime import UTC, datetime
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
