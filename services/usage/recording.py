"""Reporting usage: each report is counted once, or not at all where it would pass the limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import BadUserInput, NotFound, Refusal
from models.usage import UsageCounter, UsageRecord
from services.billing import LARGEST_QUANTITY
from services.entitlements import held_by, plan_of
from services.usage.counting import add, counting, insert
from services.usage.expiring import expire_of
from services.usage.meters import Reading, meter_named, reading_of
from services.usage.windows import period_of

if TYPE_CHECKING:
    from datetime import datetime

    from services.app import App
    from services.billing import Meter
    from services.entitlements import Grant

LONGEST_KEY = 100
RECORD_COLUMNS = ("user_id", "idempotency_key", "meter", "period", "quantity", "recorded_at")
NEW_RECORD = "ON CONFLICT (user_id, idempotency_key) DO NOTHING RETURNING id, user_id, idempotency_key"


class UsageLimitReached(Refusal):
    """The limit of the meter would be passed. Nothing was counted."""

    message = "This would be more than your plan includes."

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading


class IdempotencyConflict(Refusal):
    """The key has been used for something else."""

    message = "This idempotency key has been used with other values."


@dataclass(frozen=True)
class Entry:
    """One report. Raises BadUserInput for what cannot be counted."""

    meter: str
    quantity: float
    idempotency_key: str

    def __post_init__(self) -> None:
        require_quantity(self.quantity)
        require_key(self.idempotency_key)


@dataclass(frozen=True)
class Recorded:
    """What the meter shows after a report, and whether it had been counted before."""

    reading: Reading
    duplicate: bool


def require_quantity(quantity: float) -> None:
    """Raise BadUserInput unless this is a whole number from 1 to 2^53."""
    if not (float(quantity).is_integer() and 1 <= quantity <= LARGEST_QUANTITY):
        raise BadUserInput("quantity is a whole number from 1 to 2^53.")


def require_key(key: str) -> None:
    """Raise BadUserInput unless a row can hold this key."""
    if not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise BadUserInput(f"idempotencyKey has from 1 to {LONGEST_KEY} printable characters.")


async def record(app: App, user_id: int, entry: Entry) -> Recorded:
    """Count a report of a user. The key's row and the counter commit together; a refused one leaves neither.

    Raises UsageLimitReached, IdempotencyConflict, BadUserInput, NotFound. Four statements, or five for a duplicate.
    """
    meter = meter_named(app, entry.meter)
    now = app.clock.now()
    grant = plan_of(app, await held_by(user_id), now)
    try:
        recorded = await _record(app, user_id, meter, grant, entry, now)
    except UsageLimitReached as refusal:
        if not (refusal.reading.reserved and await expire_of(app, [user_id])):
            raise
        recorded = await _record(app, user_id, meter, grant, entry, now)
    if not recorded.duplicate:
        await app.usage_changed.publish(str(user_id))
    return recorded


async def _record(app: App, user_id: int, meter: Meter, grant: Grant, entry: Entry, now: datetime) -> Recorded:
    quantity, period = int(entry.quantity), period_of(meter.window, now).name
    row = (user_id, entry.idempotency_key, meter.key, period, quantity, now)
    async with counting(app, user_id):
        if await insert(app, "usage_records", RECORD_COLUMNS, [row], NEW_RECORD):
            totals = await add(app, user_id, meter, grant.limit_of(meter), now, used=quantity)
            if totals is None:
                raise UsageLimitReached(await read(user_id, meter, grant, now))
            return Recorded(reading_of(grant, meter, now, *totals), duplicate=False)
    earlier = await UsageRecord.get_or_none(user_id=user_id, idempotency_key=entry.idempotency_key)
    if earlier is None:
        raise NotFound  # the account has been deleted meanwhile
    if (earlier.meter, earlier.quantity) != (meter.key, quantity):
        raise IdempotencyConflict
    return Recorded(await read(user_id, meter, grant, now), duplicate=True)


async def read(user_id: int, meter: Meter, grant: Grant, now: datetime) -> Reading:
    """What a meter of a user shows. One query."""
    row = await UsageCounter.get_or_none(user_id=user_id, meter=meter.key, period=period_of(meter.window, now).name)
    return reading_of(grant, meter, now, *((row.used, row.reserved) if row else (0, 0)))
