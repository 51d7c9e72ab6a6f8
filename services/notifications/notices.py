"""Notices: what an account's owner is told of its security, whether or not it was them. They cannot be switched off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.one_time_tokens import Purpose
from services import jobs, one_time_tokens
from services.notifications.letters import Mailbox, deliver
from services.notifications.links import link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.app import App

NOTICE = "mail.notice"


class Notice(StrEnum):
    """What happened."""

    NEW_DEVICE = "NEW_DEVICE"
    TOKEN_REUSED = "TOKEN_REUSED"  # ruff: ignore[hardcoded-password-string] -- an event, not a password


@dataclass(frozen=True)
class Offer:
    """What the reader may do about it: a link with a token that is made when the letter is sent."""

    purpose: Purpose
    label: str
    lifetime: timedelta


@dataclass(frozen=True)
class Text:
    """What a notice says."""

    subject: str
    sentence: str
    offer: Offer | None = None


TEXTS: dict[Notice, Text] = {
    Notice.NEW_DEVICE: Text(
        "A new sign-in to your account",
        "Somebody has signed in to your account from a device that we have not seen before. If it was you, there is "
        "nothing to do.",
        Offer(Purpose.REPORT_SIGN_IN, "It was not me: sign it out", timedelta(days=7)),
    ),
    Notice.TOKEN_REUSED: Text(
        "We have signed one of your devices out",
        "A sign-in of yours was used from two places, as happens when it has been copied. We have ended it. Sign in "
        "again, and change your password if you do not know why.",
    ),
}


async def notify(
    app: App,
    user_id: int,
    notice: Notice,
    *,
    dedup_key: str,
    to: Mailbox | None = None,
    details: Mapping[str, str] | None = None,
    token_data: Any = None,
) -> None:
    """Write the job of a notice, inside the caller's transaction. Call `jobs.wake` once it has committed.

    `details` are lines of the letter, label and text; `token_data` is kept with the token of the notice's offer. `to`
    is another mailbox than the account's present one. Two with the same `dedup_key` are one.
    """
    payload = {
        "user_id": user_id,
        "notice": notice,
        "key": dedup_key,
        "to": [to.written, to.key] if to else None,
        "details": dict(details or {}),
        "token_data": token_data,
    }
    await jobs.enqueue(app, NOTICE, payload, dedup_key=f"{NOTICE}:{notice}:{dedup_key}")


async def send_notice(app: App, payload: dict[str, Any]) -> None:
    """Deliver a notice, unless the account has gone. Raises Unavailable, MailRejected."""
    user = await User.get_or_none(id=payload["user_id"])
    if user is None:
        return
    notice = Notice(payload["notice"])
    text = TEXTS[notice]
    await deliver(
        app,
        user,
        name="notice",
        subject=text.subject,
        key=f"{notice}.{payload['key']}",
        to=Mailbox(*payload["to"]) if payload["to"] else None,
        sentence=text.sentence,
        details=payload["details"],
        offer=text.offer,
        url=await _url(app, text.offer, user, payload["token_data"]) if text.offer else None,
    )


async def _url(app: App, offer: Offer, user: User, data: Any) -> str:
    token = await one_time_tokens.issue(app, offer.purpose, lifetime=offer.lifetime, user_id=user.id, data=data)
    return link(app, offer.purpose, token)
