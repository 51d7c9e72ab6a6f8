"""The last letter: the account is gone, and with this letter the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.accounts import User
from models.jobs import Job
from services.languages import Told, label, phrase
from services.notifications.letter import Delivery, Draft, Letter, Topic, enqueue_letter
from services.notifications.notices import TEXTS, Notice

if TYPE_CHECKING:
    from models.mail import DeliveryStatus
    from services.app import App

FAREWELL = "farewell"
FAREWELL_KEYS = "mail.farewell:"
"""How the keys of its jobs begin."""
WHAT_STAYS: dict[str, Told] = {
    label("What stays"): phrase(
        "a keyed hash that tells that you have had a trial, and records of what happened to the account, which name it "
        "by its number"
    )
}
"""Told before and after an account is deleted, as a row of the letters."""


async def farewell(app: App, user: User) -> None:
    """Write the job of the last letter, inside the transaction that deletes the account."""
    payload = {"to": [user.email, user.email_key], "number": user.id, "locale": user.locale}
    await enqueue_letter(app, FAREWELL, payload, dedup_key=f"{FAREWELL_KEYS}{user.id}")


async def _compose(_: App, delivery: Delivery) -> Draft | None:  # ruff: ignore[unused-async] -- as letters are composed
    """The last letter; None once it has been forgotten where it went."""
    if "to" not in delivery.payload:
        return None
    written, key = delivery.payload["to"]
    text = TEXTS[Notice.DELETED]
    return Draft(
        user=User(email=written, email_key=key, locale=delivery.payload.get("locale")),
        template="notice",
        subject=text.subject,
        values={"sentence": text.sentence, "details": WHAT_STAYS, "advice": None, "label": None, "url": None},
    )


async def _forget(_: App, delivery: Delivery, __: DeliveryStatus) -> None:
    """Forget where it went, however it ended."""
    kept = {name: value for name, value in delivery.payload.items() if name not in {"to", "locale"}}
    await Job.filter(dedup_key=delivery.key).update(payload=kept, last_error=None)


FAREWELLS = Letter(FAREWELL, Topic.SECURITY, _compose, settled=_forget)
