"""Reserving for costly work: set aside before it begins, committed or released after it. What is not ends by itself."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import BadUserInput, Forbidden, NotFound, Refusal
from models.usage import UsageReservation
from services.entitlements import held_by, plan_of
from services.usage.counting import add, counting, insert, move
from services.usage.expiring import expire_of
from services.usage.meters import Reading, meter_named, reading_of, require_report
from services.usage.recording import IdempotencyConflict, UsageLimitReached, read, require_quantity
from services.usage.windows import period_of

if TYPE_CHECKING:
    from datetime import datetime

    from models.accounts import User
    from services.app import App
    from services.billing import Meter
    from services.entitlements import Grant
    from services.usage.recording import Entry

LONGEST_HOLD = 3600
USUAL_HOLD = 600
"""Seconds."""

_COLUMNS = (
    "user_id", "key", "idempotency_key", "meter", "period", "quantity", "created_at", "expires_at",
)  # fmt: skip
_NEW = "ON CONFLICT (user_id, idempotency_key) DO NOTHING RETURNING id"
_COMMIT = """
UPDATE usage_reservations SET ended_at = $2, committed = $3
WHERE key = $1 AND ended_at IS NULL AND expires_at > $2 RETURNING quantity
"""
_RELEASE = "UPDATE usage_reservations SET ended_at = $2 WHERE key = $1 AND ended_at IS NULL RETURNING quantity"


class ReservationEnded(Refusal):
    """The reservation has been committed or released, or its time has passed."""

    message = "This reservation has ended."


@dataclass(frozen=True)
class Reserved:
    """A reservation, what its meter shows, and whether it had been made before."""

    row: UsageReservation
    reading: Reading
    duplicate: bool


@dataclass(frozen=True)
class Ended:
    """What the meter shows after the end of a reservation, and whether that end had come before."""

    reading: Reading
    duplicate: bool


async def reserve(app: App, user_id: int, entry: Entry, *, seconds: int = USUAL_HOLD) -> Reserved:
    """Set a quantity aside for some seconds. It counts against the limit until it is released or its time has passed.

    Raises UsageLimitReached, IdempotencyConflict, BadUserInput, NotFound. Four statements, or five for a duplicate.
    """
    if not 1 <= seconds <= LONGEST_HOLD:
        raise BadUserInput(f"seconds is from 1 to {LONGEST_HOLD}.")
    meter, now = meter_named(app, entry.meter), app.clock.now()
    grant = plan_of(app, await held_by(user_id), now)
    row = UsageReservation(
        user_id=user_id,
        key=secrets.token_hex(16),
        idempotency_key=entry.idempotency_key,
        meter=meter.key,
        period=period_of(meter.window, now).name,
        quantity=int(entry.quantity),
        created_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )
    try:
        reserved = await _reserve(app, row, meter, grant, now)
    except UsageLimitReached as refusal:
        if not (refusal.reading.reserved and await expire_of(app, [user_id])):
            raise
        reserved = await _reserve(app, row, meter, grant, now)
    if not reserved.duplicate:
        await app.usage_changed.publish(str(user_id))
    return reserved


async def _reserve(app: App, row: UsageReservation, meter: Meter, grant: Grant, now: datetime) -> Reserved:
    user_id = row.user_id
    values = [getattr(row, column) for column in _COLUMNS]
    async with counting(app, user_id):
        if await insert(app, "usage_reservations", _COLUMNS, [values], _NEW):
            totals = await add(app, user_id, meter, grant.limit_of(meter), now, reserved=row.quantity)
            if totals is None:
                raise UsageLimitReached(await read(user_id, meter, grant, now))
            return Reserved(row, reading_of(grant, meter, now, *totals), duplicate=False)
    earlier = await UsageReservation.get_or_none(user_id=user_id, idempotency_key=row.idempotency_key)
    if earlier is None:
        raise NotFound  # the account has been deleted meanwhile
    if (earlier.meter, earlier.quantity) != (row.meter, row.quantity):
        raise IdempotencyConflict
    return Reserved(earlier, await read(user_id, meter, grant, now), duplicate=True)


async def commit(app: App, actor: User, key: str, quantity: float | None) -> Ended:
    """Count what of a reservation was used, all of it where no quantity is given, and give the rest back.

    Raises ReservationEnded, IdempotencyConflict, BadUserInput, NotFound. Five statements.
    """
    row = await _of(app, actor, key)
    used = row.quantity if quantity is None else _part(quantity, row)
    async with app.database.transaction():
        ended = await end(app, row, used)
    if not ended:
        await row.refresh_from_db()
        if row.committed is None:
            raise ReservationEnded
        if row.committed != used:
            raise IdempotencyConflict
    return await _after(app, row, duplicate=not ended)


async def release(app: App, actor: User, key: str) -> Ended:
    """Give back all of a reservation. Doing it twice is once. Raises ReservationEnded for a committed one, NotFound."""
    row = await _of(app, actor, key)
    async with app.database.transaction():
        ended = await end(app, row, None)
    if not ended:
        await row.refresh_from_db()
        if row.committed is not None:
            raise ReservationEnded
    return await _after(app, row, duplicate=not ended)


async def end(app: App, row: UsageReservation, used: int | None) -> bool:
    """End a reservation inside the caller's transaction: count `used` of it, or None to give all of it back.

    False when it had ended before, in whichever way. Two statements. Who watches the meter is told by the caller.
    """
    now = app.clock.now()
    given_back, counted = (_RELEASE, [row.key, now]), (_COMMIT, [row.key, now, used])
    ended = await app.database.rows(*(given_back if used is None else counted))
    if ended:
        await move(app, row.user_id, row.meter, row.period, used=used or 0, reserved=row.quantity)
    return bool(ended)


def _part(quantity: float, row: UsageReservation) -> int:
    require_quantity(quantity)
    if quantity > row.quantity:
        raise BadUserInput("quantity is at most what was reserved.")
    return int(quantity)


async def _of(app: App, actor: User, key: str) -> UsageReservation:
    """A reservation that `actor` may end. Somebody else's is not told apart from none."""
    row = await UsageReservation.get_or_none(key=key)
    if row is None:
        raise NotFound
    try:
        require_report(actor, row.user_id, meter_named(app, row.meter))
    except Forbidden as error:
        raise NotFound from error
    return row


async def _after(app: App, row: UsageReservation, *, duplicate: bool) -> Ended:
    if not duplicate:
        await app.usage_changed.publish(str(row.user_id))
    now = app.clock.now()
    grant = plan_of(app, await held_by(row.user_id), now)
    return Ended(await read(row.user_id, meter_named(app, row.meter), grant, now), duplicate)
