"""Sending a letter, and writing down what became of it.

By SMTP a letter goes out at least once: between the server's answer and the entry of the log lies a window in which a
process that dies sends it again, with the same Message-ID and the same words. The outbox holds it once in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import IntegrityError

from adapters.mail import MailRejected
from models.accounts import User
from models.mail import DeliveryStatus, MailDelivery
from services.notifications import returns, suppression
from services.notifications.hindrances import hindrance
from services.notifications.letter import Delivery, Draft, Letter
from services.notifications.letters import message_of
from services.notifications.nights import put_off
from services.notifications.reports import hard

if TYPE_CHECKING:
    from email.message import EmailMessage

    from services.app import App


@dataclass(frozen=True)
class Sending:
    """The task of every letter: of the kinds in `letters`, by name."""

    letters: Mapping[str, Letter]

    async def __call__(self, app: App, payload: dict[str, Any]) -> None:
        """Send one letter, unless it is done, late, untrue by now, or not wanted.

        Raises Unavailable when a later attempt may succeed, MailRejected when none will, LookupError for a letter that
        a newer version has written.
        """
        letter, delivery = self._read(payload)
        if await MailDelivery.exists(key=delivery.key):
            return
        if (late := payload.get("not_after")) and app.clock.now() > datetime.fromisoformat(late):
            await _settle(app, letter, delivery, DeliveryStatus.EXPIRED)
            return
        draft = await letter.compose(app, delivery)
        if draft is None:
            await _settle(app, letter, delivery, DeliveryStatus.OBSOLETE)
            return
        if (held := await hindrance(app, draft, draft.topic or letter.topic)) is not None:
            await _settle(app, letter, delivery, held, draft)
            return
        if await put_off(app, delivery, draft, draft.topic or letter.topic):
            return
        await _hand_over(app, letter, delivery, draft)

    async def given_up(self, app: App, payload: dict[str, Any]) -> None:
        """Write down that every attempt has failed, unless the letter has an end already, or is of a newer version."""
        if payload["letter"] not in self.letters:
            return
        letter, delivery = self._read(payload)
        if not await MailDelivery.exists(key=delivery.key):
            await _settle(app, letter, delivery, DeliveryStatus.GIVEN_UP)

    def _read(self, payload: dict[str, Any]) -> tuple[Letter, Delivery]:
        return self.letters[payload["letter"]], Delivery(payload["delivery"], payload)


async def _hand_over(app: App, letter: Letter, delivery: Delivery, draft: Draft) -> None:
    topic = draft.topic or letter.topic
    # composing takes two milliseconds, and fifty the first time: not the loop's
    message = await asyncio.to_thread(message_of, app, letter.name, delivery.key, draft, topic)
    try:
        await app.mail.send(message)
    except MailRejected as refused:
        if hard(refused.reason):
            await returns.rejected(app, draft.mailbox.key, draft.user.id or 0)
        await _settle(app, letter, delivery, DeliveryStatus.REJECTED, draft, message, code=refused.code)
        raise
    await _settle(app, letter, delivery, DeliveryStatus.SENT, draft, message)


async def _settle(
    app: App,
    letter: Letter,
    delivery: Delivery,
    status: DeliveryStatus,
    draft: Draft | None = None,
    message: EmailMessage | None = None,
    *,
    code: int | None = None,
) -> None:
    """Write down how a letter ended, once, with what follows from it. A second worker's end changes nothing."""
    user_id = draft.user.id if draft else delivery.payload.get("user_id")
    entry = MailDelivery(
        key=delivery.key,
        letter=letter.name,
        topic=(draft and draft.topic) or letter.topic,
        user_id=user_id or None,
        address_hash=suppression.address_hash(app, draft.mailbox.key) if draft and user_id else None,
        message_id=str(message["Message-ID"]) if message else None,
        status=status,
        code=code,
        at=app.clock.now(),
    )
    if entry.user_id is not None and not await User.exists(id=entry.user_id):
        entry.user_id = entry.address_hash = None  # who has gone meanwhile leaves nothing
    try:
        async with app.database.transaction():
            await entry.save(force_create=True)
            if letter.settled is not None:
                await letter.settled(app, delivery, status)
    except IntegrityError:
        if not await MailDelivery.exists(key=delivery.key):
            raise
        return
    app.metrics.mail.labels(letter.name, status).inc()
