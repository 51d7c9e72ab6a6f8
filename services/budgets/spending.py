"""Reserving and settling. What is set aside counts in two sums, the user's and the plan's: in both or in neither."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import IntegrityError

from models.budgets import ModelReservation
from services.entitlements import held_by, plan_of

if TYPE_CHECKING:
    from datetime import datetime

    from services.app import App
    from services.billing.model_budgets import Allowance

LAPSE = "budgets.lapse"
HELD = timedelta(minutes=2)
"""How long a reservation holds: far longer than any question may take. What nobody settles comes back then."""
AT_ONCE = 500
"""Reservations that one transaction gives back."""

# The conditions stand in the statements that count: two at once cannot both have what is left for one.
_COUNT = """
INSERT INTO {table} ({whose}, day, tokens, micros) VALUES ($1, $2, $3, $4)
ON CONFLICT ({whose}, day) DO UPDATE
SET tokens = {table}.tokens + excluded.tokens, micros = {table}.micros + excluded.micros
WHERE {table}.tokens + excluded.tokens <= $5 AND {table}.micros + excluded.micros <= $6
RETURNING id
"""
_COUNT_USER = _COUNT.format(table="model_spends", whose="user_id")
_COUNT_PLAN = _COUNT.format(table="plan_spends", whose="plan")
_MOVE = "UPDATE {table} SET tokens = tokens + $1, micros = micros + $2 WHERE {whose} = $3 AND day = $4"
_MOVE_USER = _MOVE.format(table="model_spends", whose="user_id")
_MOVE_PLAN = _MOVE.format(table="plan_spends", whose="plan")
_END = "DELETE FROM model_reservations WHERE id = $1 RETURNING tokens, micros"
_LAPSE = """
DELETE FROM model_reservations WHERE id IN (
  SELECT id FROM model_reservations WHERE expires_at <= $1 ORDER BY id LIMIT $2
) RETURNING user_id, plan, day, tokens, micros
"""


@dataclass
class Reservation:
    """Tokens of a user that are set aside for one question, and the millionths of a dollar that they cost at most.

    `settled` is what tells a second time from a late first one, once the row of it has lapsed.
    """

    id: int
    user_id: int
    plan: str
    day: str
    model: str
    tokens: int
    micros: int
    expires_at: datetime
    settled: bool = False


class _SpentError(Exception):
    """Nothing is left of the user's budget, or of the plan's; everything is undone."""


async def reserve(app: App, user_id: int, tokens: int, *, model: str = "") -> Reservation | None:
    """Set `tokens` aside for a question, the most that it can cost; None when there are not so many left today.

    Without `model`, or for one whose price is not known, a token costs what is dear. Two statements that read and three
    that write; nobody who asks later waits for more than these.
    """
    now = app.clock.now()
    grant = plan_of(app, await held_by(user_id), now)
    budget, plan, day = grant.plan.model_budget, grant.plan.key, now.date().isoformat()
    micros, until = app.model_prices.of(model).most(tokens), now + HELD
    try:
        async with app.database.transaction():
            await _count(app, "user", _COUNT_USER, user_id, day, tokens, micros, budget.user.part(grant.percent))
            await _count(app, "plan", _COUNT_PLAN, plan, day, tokens, micros, budget.everybody)
            row = await ModelReservation.create(
                user_id=user_id, plan=plan, day=day, model=model, tokens=tokens, micros=micros, expires_at=until
            )
    except _SpentError as spent:
        app.metrics.model_refusals.labels(str(spent)).inc()
        return None
    except IntegrityError:  # the account has been deleted meanwhile
        return None
    return Reservation(row.id, user_id, plan, day, model, tokens, micros, until)


async def settle(app: App, reservation: Reservation, tokens: int, *, output_tokens: int | None = None) -> None:
    """Count what the answer did cost instead of what was set aside; 0 when the question was never asked.

    `tokens` are those of question and answer together, of which `output_tokens` are the answer's: without it, all
    of them cost what the dearer ones do. What had lapsed is counted all the same. A second time is none. Who
    calls may be about to end: however often it is cancelled, this is counted.
    """
    if reservation.settled:
        return
    reservation.settled = True
    await asyncio.shield(_settled(app, reservation, tokens, output_tokens))


async def _settled(app: App, reservation: Reservation, tokens: int, output_tokens: int | None) -> None:
    price = app.model_prices.of(reservation.model)
    cost = price.most(tokens) if output_tokens is None else price.of(tokens - output_tokens, output_tokens)
    try:
        counted = await _settle(app, reservation, tokens, cost)
    except BaseException:
        reservation.settled = False  # all of it is undone
        raise
    if counted:
        name = app.model_prices.label(reservation.model)
        app.metrics.model_tokens.labels(name).inc(tokens)
        app.metrics.model_dollars.labels(name).inc(cost / 1_000_000)


async def _settle(app: App, reservation: Reservation, tokens: int, cost: int) -> bool:
    """Count it in both sums; false when the reservation has gone before its time, as it does with the account."""
    async with app.database.transaction():
        ended = await app.database.rows(_END, [reservation.id])
        if not ended and app.clock.now() < reservation.expires_at:
            return False
        held = ended[0] if ended else {"tokens": 0, "micros": 0}
        change = [tokens - held["tokens"], cost - held["micros"]]
        await app.database.execute(_MOVE_USER, [*change, reservation.user_id, reservation.day])
        await app.database.execute(_MOVE_PLAN, [*change, reservation.plan, reservation.day])
    return True


async def lapse(app: App, _: dict[str, Any]) -> None:
    """Give back what reservations hold that nobody settled in time: whoever made them is dead."""
    while await _lapse(app) == AT_ONCE:
        pass


async def _lapse(app: App) -> int:
    async with app.database.transaction():
        ended = await app.database.rows(_LAPSE, [app.clock.now(), AT_ONCE])
        await _give_back(app, _MOVE_USER, "user_id", ended)
        await _give_back(app, _MOVE_PLAN, "plan", ended)
    return len(ended)


async def _give_back(app: App, statement: str, whose: str, ended: list[dict[str, Any]]) -> None:
    """In one order, users before plans, as everywhere: so that no two wait for each other."""
    tokens: Counter[tuple[Any, str]] = Counter()
    micros: Counter[tuple[Any, str]] = Counter()
    for row in ended:
        tokens[row[whose], row["day"]] += row["tokens"]
        micros[row[whose], row["day"]] += row["micros"]
    for owner, day in sorted(tokens):
        await app.database.execute(statement, [-tokens[owner, day], -micros[owner, day], owner, day])


async def _count(
    app: App, scope: str, statement: str, whose: object, day: str, tokens: int, micros: int, most: Allowance
) -> None:
    """Count up, inside the caller's transaction. Raises _SpentError, which undoes it."""
    values = [whose, day, tokens, micros, most.tokens, most.micros]
    if tokens > most.tokens or micros > most.micros or not await app.database.rows(statement, values):
        raise _SpentError(scope)
