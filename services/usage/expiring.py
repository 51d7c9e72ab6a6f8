"""Reservations that nobody committed give back what they held: by a job each minute, and where a limit is hit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from services.usage.counting import move

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.app import App

EXPIRE = "usage.expire"
AT_ONCE = 500
"""Reservations that one transaction gives back."""

_END = """
UPDATE usage_reservations SET ended_at = $1 WHERE ended_at IS NULL AND id IN (
  SELECT id FROM usage_reservations WHERE ended_at IS NULL AND expires_at <= $1 {whose} ORDER BY id LIMIT {most}
) RETURNING user_id, meter, period, quantity
"""
_OF_ALL = _END.format(whose="", most=AT_ONCE)
_OF_ONE = _END.format(whose="AND user_id = $2", most=AT_ONCE)


async def expire(app: App, _: dict[str, Any]) -> None:
    """Give back what reservations hold whose time has passed. Whatever this job does, none can be committed."""
    while await _expire(app, _OF_ALL, []) == AT_ONCE:
        pass


async def expire_of(app: App, user_ids: Iterable[int]) -> int:
    """The same for these users now; how many reservations there were."""
    return sum([await _expire(app, _OF_ONE, [user_id]) for user_id in sorted(user_ids)])


async def _expire(app: App, sql: str, values: list[int]) -> int:
    held: Counter[tuple[int, str, str]] = Counter()
    async with app.database.transaction():
        ended = await app.database.rows(sql, [app.clock.now(), *values])
        for row in ended:
            held[row["user_id"], row["meter"], row["period"]] += row["quantity"]
        for user_id, meter, period in sorted(held):  # in one order everywhere, so that no two wait for each other
            await move(app, user_id, meter, period, used=0, reserved=held[user_id, meter, period])
    for user_id in {user_id for user_id, _, _ in held}:
        await app.usage_changed.publish(str(user_id))
    return len(ended)
