"""Addresses that are not written to, by keyed hash: those that do not exist, and those whose readers have complained.

A proof that somebody reads an address lifts a bounce. A complaint is a wish: it ends when its owner says otherwise in
their account, or when the address is proven for an account that had not proven it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.mail_preferences import MailSuppression, SuppressionReason
from services.notifications.letter import Topic

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from services.app import App

PASSING = {
    SuppressionReason.BOUNCE: frozenset({Topic.SECURITY}),
    SuppressionReason.COMPLAINT: frozenset({Topic.SECURITY, Topic.BILLING}),
}
"""The topics whose letters are sent all the same."""


def address_hash(app: App, key: str) -> str:
    """What is kept of an address: a keyed hash that no rotation of secrets changes."""
    return app.keys.identity("address", key)


def stops(reasons: Collection[SuppressionReason], topic: Topic) -> bool:
    """Whether letters of this topic are held back for one of these reasons."""
    return any(topic not in PASSING[reason] for reason in reasons)


async def standing(app: App, key: str) -> list[SuppressionReason]:
    """Why the address is not written to. One query."""
    rows = MailSuppression.filter(address_hash=address_hash(app, key), lifted_at=None)
    return [row.reason for row in await rows.order_by("reason")]


async def suppress(hashed: str, reason: SuppressionReason, *, written_at: datetime, now: datetime) -> None:
    """Write to the address no more, unless it was proven after the letter that this is about. First statement: a write.

    Doing it twice is once.
    """
    again = MailSuppression.filter(address_hash=hashed, reason=reason, lifted_at__lte=written_at)
    if not await again.update(since=now, lifted_at=None):
        row = MailSuppression(address_hash=hashed, reason=reason, since=now)
        await MailSuppression.bulk_create([row], ignore_conflicts=True)


async def lift(app: App, key: str, *, anew: bool) -> None:
    """The address is proven: it exists. `anew`: for an account that had not proven it, whose owner begins afresh."""
    reasons = list(SuppressionReason) if anew else [SuppressionReason.BOUNCE]
    await _lift(app, key, reasons)


async def forgive(app: App, key: str) -> None:
    """The owner of the address wants letters again."""
    await _lift(app, key, [SuppressionReason.COMPLAINT])


async def _lift(app: App, key: str, reasons: list[SuppressionReason]) -> None:
    rows = MailSuppression.filter(address_hash=address_hash(app, key), reason__in=reasons, lifted_at=None)
    await rows.update(lifted_at=app.clock.now())
