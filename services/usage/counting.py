"""The statements that count. Each is one, and decides by itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import IntegrityError

from core.errors import NotFound
from services.billing import LARGEST_QUANTITY
from services.usage.windows import period_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence
    from datetime import datetime

    from services.app import App
    from services.billing import Meter

_ADD = """
INSERT INTO usage_counters (user_id, meter, period, ends_at, used, reserved) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (user_id, meter, period) DO UPDATE
SET used = usage_counters.used + excluded.used, reserved = usage_counters.reserved + excluded.reserved
WHERE usage_counters.used + usage_counters.reserved + excluded.used + excluded.reserved <= $7
RETURNING used, reserved
"""
_MOVE = """
UPDATE usage_counters SET used = used + $4, reserved = reserved - $5 WHERE user_id = $1 AND meter = $2 AND period = $3
RETURNING id
"""

AT_ONCE = 4
"""Reports of one user that a process counts at a time: enough to keep the counter busy, not enough to fill the pool."""

Totals = tuple[int, int]
"""What is used and what is reserved."""


@asynccontextmanager
async def counting(app: App, user_id: int | None = None) -> AsyncGenerator[None]:
    """A transaction that counts. Raises NotFound when an account has been deleted meanwhile.

    Those of one user wait for each other in the database, each with a connection: here some of them do, the others wait
    without one.
    """
    turn = asyncio.Semaphore(AT_ONCE)
    if user_id is not None:
        turn = app.usage_turns.setdefault(user_id, turn)
    try:
        async with turn, app.database.transaction():
            yield
    except IntegrityError as error:
        raise NotFound from error


async def add(
    app: App, user_id: int, meter: Meter, limit: int | None, now: datetime, *, used: int = 0, reserved: int = 0
) -> Totals | None:
    """Count up, inside the caller's transaction; the new totals, or None when the limit would be passed.

    One statement: a second one waits for the first one's end, and sees what it left.
    """
    most, period = LARGEST_QUANTITY if limit is None else limit, period_of(meter.window, now)
    if used + reserved > most:
        return None
    values = [user_id, meter.key, period.name, period.ends_at, used, reserved, most]
    rows = await app.database.rows(_ADD, values)
    return (rows[0]["used"], rows[0]["reserved"]) if rows else None


async def move(app: App, user_id: int, meter: str, period: str, *, used: int, reserved: int) -> None:
    """Take `reserved` from what is reserved and count `used` as used, inside the caller's transaction."""
    await app.database.rows(_MOVE, [user_id, meter, period, used, reserved])


async def insert(
    app: App, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], then: str
) -> list[dict[str, Any]]:
    """Insert rows of our own tables in one statement, followed by `then`; what that returns."""
    values: list[Any] = []
    places: list[str] = []
    for row in rows:
        numbers = range(len(values) + 1, len(values) + len(row) + 1)
        places.append(f"({', '.join(f'${number}' for number in numbers)})")
        values.extend(row)
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join(places)} {then}"  # ruff: ignore[hardcoded-sql-expression] -- names and words of ours
    return await app.database.rows(sql, values)
