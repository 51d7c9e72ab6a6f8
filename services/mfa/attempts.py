"""One count of failed second factors for an account, whatever their kind: five are free, then each one costs a wait."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tortoise.expressions import Q

from core.errors import Refusal
from models.accounts import User
from services import audit, jobs, notifications
from services.audit import Action
from services.notifications import Notice

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client

FREE = 5
"""Failures in a row that cost nothing."""
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
MOST = 100
"""Failures in a row after which no factor is looked at any more: NIST SP 800-63B-4, section 3.2.2."""


SLOW = 12
"""Failures in a row from which on each wait is the longest."""


class InvalidCode(Refusal):
    """The second factor is wrong, or it was not looked at: the two are not told apart.

    `attempts_left` are the tries before a wait begins, `retry_after` the seconds until the next one is looked at.
    """

    message = "This code is not valid."

    def __init__(self, attempts_left: int, retry_after: int | None = None, message: str | None = None) -> None:
        super().__init__(message)
        self.attempts_left = attempts_left
        self.retry_after = retry_after


async def count(app: App, user_id: int) -> int | None:
    """Count a look at a second factor as failed, before it is taken: how many more are free, None when none may be.

    One UPDATE decides, so a hundred guesses at once get no more looks than a hundred in a row. It stands outside of
    any transaction that a wrong code rolls back. What turns out to be right is forgiven.
    """
    while True:
        now = app.clock.now()
        user = await User.get(id=user_id)
        if not _may_look(user, now):
            return None
        failures = user.factor_failures + 1
        unchanged = User.filter(
            Q(factor_retry_at__isnull=True) | Q(factor_retry_at__lte=now),
            id=user_id,
            factor_failures=user.factor_failures,
        )
        if await unchanged.update(factor_failures=failures, factor_retry_at=_retry_at(failures, now)):
            return max(0, FREE - failures)


async def forgive(user_id: int) -> bool:
    """Begin the count anew, inside the caller's transaction; False for a user who is suspended or gone.

    It takes the user's row before anything else: who suspends, or changes password or factors, comes before or after.
    """
    standing = User.filter(id=user_id, suspended_at=None)
    return bool(await standing.update(factor_failures=0, factor_retry_at=None))


async def reopen(user_id: int) -> None:
    """Lift the stop after too many failures, for who has set a new password; the longest wait before each look stays.

    Who reads the account's letters can reset its password again and again: that must buy no more guesses.
    """
    await User.filter(id=user_id, factor_failures__gte=MOST).update(factor_failures=SLOW)


async def failed(
    app: App, user_id: int, left: int | None, client: Client, *, actor: User | None = None, **data: Any
) -> InvalidCode:
    """Write a failure down, and tell the owner when they begin to cost: the refusal that the caller raises."""
    now = app.clock.now()
    user = await User.get(id=user_id)
    async with app.database.transaction():
        await audit.record(app, Action.MFA_FAILED, actor=actor, user_id=user_id, client=client, **data)
        if user.factor_failures >= FREE:
            day = now.date().isoformat()
            await notifications.notify(app, user_id, Notice.FACTOR_FAILED, dedup_key=f"{user_id}.{day}")
    await jobs.wake(app)
    return refusal(user, now, left)


def refusal(user: User, now: datetime, left: int | None) -> InvalidCode:
    """What somebody is told whose factor is wrong or was not looked at. `left`: tries that the caller knows of."""
    if user.factor_failures >= MOST:
        return InvalidCode(0, message="There were too many wrong codes. Reset your password to go on.")
    retry_at = user.factor_retry_at
    if retry_at is not None and retry_at > now:
        return InvalidCode(0, math.ceil((retry_at - now).total_seconds()))
    return InvalidCode(left or 0)


def _may_look(user: User, now: datetime) -> bool:
    return user.factor_failures < MOST and (user.factor_retry_at is None or user.factor_retry_at <= now)


def _retry_at(failures: int, now: datetime) -> datetime | None:
    if failures < FREE:
        return None
    return now + min(LONGEST_WAIT, FIRST_WAIT * (1 << min(failures - FREE, 20)))
