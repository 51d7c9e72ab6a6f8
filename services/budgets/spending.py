"""Reserving and settling, each by one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.app import App

DAILY_TOKENS = 100_000
"""Of one user, whatever for."""

# The condition stands in the statement that counts: two at once cannot both have what is left for one.
_RESERVE = """
INSERT INTO model_spends (user_id, day, tokens, micros) VALUES ($1, $2, $3, 0)
ON CONFLICT (user_id, day) DO UPDATE SET tokens = model_spends.tokens + excluded.tokens
WHERE model_spends.tokens + excluded.tokens <= $4
RETURNING id
"""
_SETTLE = "UPDATE model_spends SET tokens = tokens + $1 WHERE user_id = $2 AND day = $3"


@dataclass(frozen=True)
class Reservation:
    """Tokens of a user that are set aside for one question."""

    user_id: int
    day: str
    tokens: int


async def reserve(app: App, user_id: int, tokens: int) -> Reservation | None:
    """Set `tokens` aside for a question, the most that it can cost; None when there are not so many left today."""
    day = app.clock.now().date().isoformat()
    if tokens > DAILY_TOKENS:
        return None
    async with app.database.transaction():
        found = await app.database.rows(_RESERVE, [user_id, day, tokens, DAILY_TOKENS])
    return Reservation(user_id, day, tokens) if found else None


async def settle(app: App, reservation: Reservation, tokens: int) -> None:
    """Count what the answer did cost instead of what was set aside; 0 when the question was never asked."""
    async with app.database.transaction():
        await app.database.execute(_SETTLE, [tokens - reservation.tokens, reservation.user_id, reservation.day])
