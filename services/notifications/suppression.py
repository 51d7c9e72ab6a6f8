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
    """What is kept of an address: 128 bits of a keyed hash that no rotation of secrets changes, in hexadecimal."""
    return app.keys.identity("mail-address", key)[:32]


def stops(reasons: Collection[SuppressionReason], topic: Topic) -> bool:
    """Whether letters of this topic are held back for one of these reasons."""
    return any(topic not in PASSING[reason] for reason in reasons)


async def standing(app: App, key: str) -> list[SuppressionReason]:
    """Why the address is not written to. One query."""
    rows = MailSuppression.filter(address_hash=address_hash(app, key), lifted_at=None)
    return [row.reason for row in await rows.order_by("reason")]


async def suppress(app: App, hashed: str, reason: SuppressionReason, *, written_at: datetime) -> bool:
    """Write to the address no more, inside the caller's transaction; whether that is news.

    It is none where the address is suppressed already, or was proven after the letter that this is about. A row that is
    new stands as lifted when the letter was sent, so that one UPDATE decides for it as for all others.
    """
    row = MailSuppression(address_hash=hashed, reason=reason, since=written_at, lifted_at=written_at)
    await MailSuppression.bulk_create([row], ignore_conflicts=True)
    lifted = MailSuppression.filter(address_hash=hashed, reason=reason, lifted_at__lte=written_at)
    return bool(await lifted.update(since=app.clock.now(), lifted_at=None))


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
