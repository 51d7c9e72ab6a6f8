"""Subscriptions of who is about to leave: they end with their period, and go on when the deletion is called off."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.errors import Unavailable
from models.accounts import User
from models.billing import CheckoutAttempt, PlanSubscription
from models.jobs import Job
from services import jobs
from services.billing import trying
from services.billing.applying import apply_subscription
from services.billing.buying import NotSubscribed, answered, key_of_change
from services.billing.standing import OVER

if TYPE_CHECKING:
    from services.app import App

LEAVE = "billing.leave"
STAY = "billing.stay"
ENDED = "subscriptions"
"""What the job of the deletion remembers: the subscriptions that were to go on before it was asked for."""


def begin(app: App, user_id: int, at: datetime, deletion: str) -> Job:
    """The job that lets a user's subscriptions end with their period, for the transaction that sets their deletion.

    `deletion` is the key of its job, which waits for as long as the deletion can be called off.
    """
    payload = {"user_id": user_id, "deletion_at": at.isoformat(), "deletion": deletion}
    return jobs.job(app, LEAVE, payload, dedup_key=f"{LEAVE}:{user_id}:{at.isoformat()}")


async def call_off(app: App, user_id: int, deletion: str) -> None:
    """Let go on what the deletion had ended, inside the transaction that calls it off."""
    job = await Job.get_or_none(dedup_key=deletion)  # what the owner had ended does not stand there
    if job is not None and job.payload.get(ENDED):
        payload = {"user_id": user_id, ENDED: job.payload[ENDED], "deletion": deletion}
        await jobs.enqueue(app, STAY, payload, dedup_key=f"{STAY}:{deletion}")


async def leave(app: App, payload: dict[str, Any]) -> None:
    """Close the page of payment, and let subscriptions end with their period, if the deletion stands."""
    try:
        await _leave(app, payload)
    except Unavailable as error:
        await trying.again(app, LEAVE, payload, payload["deletion"], error)


async def stay(app: App, payload: dict[str, Any]) -> None:
    """Let subscriptions go on that a deletion had ended. Not when it has been asked for anew."""
    user = await User.get_or_none(id=payload["user_id"], deletion_at=None)
    if user is None:
        return
    try:
        for row in await PlanSubscription.filter(user_id=user.id, provider_id__in=payload[ENDED]):
            await _set(app, row, ends=False)
    except Unavailable as error:
        await trying.again(app, STAY, payload, payload["deletion"], error)


async def _leave(app: App, payload: dict[str, Any]) -> None:
    user_id, at = payload["user_id"], datetime.fromisoformat(payload["deletion_at"])
    standing = User.filter(id=user_id, deletion_at=at)
    if not await standing.exists():
        return
    await _close_page(app, user_id)
    rows = await PlanSubscription.filter(user_id=user_id, cancel_at_period_end=False).exclude(status__in=OVER)
    ended = [row.provider_id for row in rows]
    async with app.database.transaction():
        if not await standing.update(deletion_at=at):  # whoever calls it off comes before this, or reads what follows
            return
        job = await Job.get(dedup_key=payload["deletion"])
        known = [each for each in job.payload.get(ENDED, []) if each not in ended]
        await Job.filter(id=job.id).update(payload=job.payload | {ENDED: known + ended})
    for row in rows:
        await _set(app, row, ends=True)
    if not await standing.exists():  # called off meanwhile: who comes last lets them go on
        await stay(app, {"user_id": user_id, ENDED: ended, "deletion": payload["deletion"]})


async def _set(app: App, row: PlanSubscription, *, ends: bool) -> None:
    """Let a subscription end with its period or go on, unless it is over. Raises Unavailable."""
    if row.status in OVER:
        return
    key = key_of_change(app, row, row.version, LEAVE if ends else STAY)
    with suppress(NotSubscribed):
        snapshot = await answered(app, row, app.payments.end_with_period(row.provider_id, ends=ends, key=key))
        await apply_subscription(app, snapshot, at=app.clock.now())


async def _close_page(app: App, user_id: int) -> None:
    """Close the page on which somebody could still buy; what was bought on it is written down. Raises Unavailable."""
    attempt = await CheckoutAttempt.get_or_none(user_id=user_id)
    if attempt is None or attempt.provider_id is None:
        return
    await app.payments.expire_checkout(attempt.provider_id)
    page, at = await app.payments.checkout(attempt.provider_id), app.clock.now()
    bought = await app.payments.subscription(page.subscription_id) if page and page.subscription_id else None
    if bought is not None:
        await apply_subscription(app, bought, at=at)
