"""The clock that development moves by hand: where its head start is kept, and how every process learns of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from core.clock import AdjustableClock
from core.errors import BadUserInput
from core.settings import SettingsError
from models.clock import ClockOffset

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from services.app import App

ROW = 1
LOOK_EVERY = 1.0
"""Real seconds between two looks at the row: so late is a server when another process has moved its clock."""
FARTHEST = timedelta(days=36_500)
"""In all. Stripe's ids, tokens and calendars are made for the next century, not for the end of time."""
FIXED = "CLOCK: only an adjustable clock can be moved; adjustable would be right, for the server and its commands alike"

log = structlog.get_logger(__name__)


async def advance(app: App, by: timedelta) -> None:
    """Move the clock of every process on, this one's at once.

    Raises SettingsError where the clock is the machine's, BadUserInput when it would be more than a century ahead.
    """
    if not isinstance(app.clock, AdjustableClock):
        raise SettingsError([FIXED])
    if by <= timedelta(0):
        raise BadUserInput("Time moves forward only.")
    values = [ROW, int(by.total_seconds()), int(FARTHEST.total_seconds())]
    moved = values[1] <= values[2] and await app.database.execute(
        "INSERT INTO clock (id, ahead) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET ahead = clock.ahead"
        " + excluded.ahead WHERE clock.ahead + excluded.ahead <= $3",
        values,
    )
    if not moved:
        raise BadUserInput(f"The clock can be {FARTHEST.days} days ahead at most.")
    await _read(app.clock)


@asynccontextmanager
async def following(app: App) -> AsyncGenerator[None]:
    """Show what the row says for as long as the app is open. The machine's clock follows nothing."""
    if not isinstance(app.clock, AdjustableClock):
        yield
        return
    await _read(app.clock)
    task = asyncio.create_task(_follow(app.clock))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(clock: AdjustableClock) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY)
        try:
            await _read(clock)
        except Exception as error:  # ruff: ignore[blind-except] -- it goes on as it goes, and looks again
            log.warning("clock.not_read", reason=str(error))


async def _read(clock: AdjustableClock) -> None:
    row = await ClockOffset.get_or_none(id=ROW)
    clock.set_ahead(timedelta(seconds=row.ahead if row else 0))
