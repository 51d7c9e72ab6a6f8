"""Notices: what an account's owner is told of its security, whether or not it was them. They cannot be switched off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.one_time_tokens import Purpose
from services import one_time_tokens
from services.languages import Phrase, Told, packed, phrase, unpacked
from services.notifications.letter import Delivery, Draft, Letter, Mailbox, Topic, enqueue_letter
from services.notifications.links import link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.app import App

NOTICE = "notice"


class Notice(StrEnum):
    """What happened."""

    NEW_DEVICE = auto()
    TOKEN_REUSED = auto()
    PASSWORD_CHANGED = auto()
    PASSWORD_VOID = auto()
    EMAIL_CHANGE_REQUESTED = auto()
    EMAIL_CHANGED = auto()
    ADDRESS_IN_USE = auto()
    FACTOR_ADDED = auto()
    FACTOR_REMOVED = auto()
    FACTOR_FAILED = auto()
    PASSKEY_CLONE_SUSPECTED = auto()
    RECOVERY_CODE_USED = auto()
    ROLE_CHANGED = auto()
    SUSPENDED = auto()
    RESTORED = auto()
    EXPORTED = auto()
    DELETION_REQUESTED = auto()
    DELETED = auto()


@dataclass(frozen=True)
class Offer:
    """What the reader may do about it: a link with a token that is made when the letter is sent."""

    purpose: Purpose
    label: Phrase
    lifetime: timedelta


@dataclass(frozen=True)
class Text:
    """What a notice says, and what to do about it."""

    subject: Phrase
    sentence: Phrase
    advice: Phrase | None = None
    offer: Offer | None = None


STAYS = phrase(
    "If it was not you, write to us at once: a new password signs every device out, but it does not undo this."
)
IF_NOT_YOU = phrase("If it was not you, reset your password at once: that signs every device out.")

TEXTS: dict[Notice, Text] = {
    Notice.NEW_DEVICE: Text(
        phrase("A new sign-in to your account"),
        phrase(
            "Somebody has signed in to your account from a device that we have not seen before. If it was you, there "
            "is nothing to do."
        ),
        offer=Offer(Purpose.REPORT_SIGN_IN, phrase("It was not me, sign it out"), timedelta(days=7)),
    ),
    Notice.TOKEN_REUSED: Text(
        phrase("We have signed one of your devices out"),
        phrase("A sign-in of yours was used from two places, as happens when it has been copied. We have ended it."),
        phrase("Sign in again, and change your password if you do not know why."),
    ),
    Notice.PASSWORD_CHANGED: Text(
        phrase("Your password has been changed"), phrase("The password of your account is a new one."), IF_NOT_YOU
    ),
    Notice.PASSWORD_VOID: Text(
        phrase("Set a new password"),
        phrase(
            "You have signed in by mail, and so proven that this address is yours. A password that was set before that "
            "could be anybody's, so it does not work any more, and what it had signed in is signed out."
        ),
        phrase("Ask for a new password if you want one."),
    ),
    Notice.EMAIL_CHANGE_REQUESTED: Text(
        phrase("Your e-mail address is to be changed"),
        phrase(
            "Somebody who is signed in to your account has asked to move it to another address. It moves when that "
            "address is confirmed."
        ),
        IF_NOT_YOU,
    ),
    Notice.EMAIL_CHANGED: Text(
        phrase("Your e-mail address has been changed"),
        phrase("Your account has moved to another e-mail address, as was asked."),
    ),
    Notice.ADDRESS_IN_USE: Text(
        phrase("Your address was given for another account"),
        phrase("Somebody has asked to move another account to this address, which is yours already."),
        phrase("Nothing has changed."),
    ),
    Notice.FACTOR_ADDED: Text(
        phrase("A second factor has been added"), phrase("Your account has a new way to confirm a sign-in."), STAYS
    ),
    Notice.FACTOR_REMOVED: Text(
        phrase("A second factor has been removed"), phrase("A way to confirm sign-ins to your account is gone."), STAYS
    ),
    Notice.FACTOR_FAILED: Text(
        phrase("Somebody may know your password"),
        phrase(
            "Your account's second factor was asked for, and the answer was wrong five times in a row. Only who knows "
            "your password, or is signed in, gets as far as that."
        ),
        IF_NOT_YOU,
    ),
    Notice.PASSKEY_CLONE_SUSPECTED: Text(
        phrase("One of your passkeys may have been copied"),
        phrase(
            "A passkey of yours was used, and its count of uses was behind the one that we had seen: there may be a "
            "copy of it. We have refused that use."
        ),
        phrase("If you do not know why, remove the passkey and make a new one."),
    ),
    Notice.RECOVERY_CODE_USED: Text(
        phrase("A recovery code has been used"),
        phrase("One of your recovery codes has been used, and is spent."),
        IF_NOT_YOU,
    ),
    Notice.ROLE_CHANGED: Text(
        phrase("Your role has been changed"),
        phrase("An administrator has changed what you may do. Sign in again to go on."),
    ),
    Notice.SUSPENDED: Text(
        phrase("Your account has been suspended"),
        phrase("You cannot sign in to your account for now."),
        phrase("Write to us if this is a mistake."),
    ),
    Notice.RESTORED: Text(
        phrase("Your account has been restored"), phrase("Your account is open again. You can sign in.")
    ),
    Notice.EXPORTED: Text(
        phrase("Your data has been exported"),
        phrase("Somebody who is signed in has asked for a copy of your data."),
        IF_NOT_YOU,
    ),
    Notice.DELETION_REQUESTED: Text(
        phrase("Your account is going to be deleted"),
        phrase("Your account will be deleted, with everything in it, as was asked. Until then you can keep it."),
        offer=Offer(Purpose.CANCEL_DELETION, phrase("Keep my account"), timedelta(days=30)),
    ),
    Notice.DELETED: Text(phrase("Your account has been deleted"), phrase("Your account is gone, with what it held.")),
}


async def notify(
    app: App,
    user_id: int,
    notice: Notice,
    *,
    dedup_key: str,
    to: Mailbox | None = None,
    details: Mapping[str, Told] | None = None,
    token_data: Any = None,
) -> None:
    """Write the job of a notice, inside the caller's transaction. Call `jobs.wake` once it has committed.

    `details` are rows of the letter by their labels; `token_data` is kept with the token of the notice's offer. `to`
    is another mailbox than the account's present one. Two with the same `dedup_key` are one.
    """
    payload = {
        "user_id": user_id,
        "notice": notice,
        "key": dedup_key,
        "to": [to.written, to.key] if to else None,
        "details": [[label, packed(told)] for label, told in (details or {}).items()],
        "token_data": token_data,
    }
    await enqueue_letter(app, NOTICE, payload, dedup_key=f"mail.notice:{notice}:{dedup_key}")


async def _compose(app: App, delivery: Delivery) -> Draft | None:
    """A notice, unless the account has gone."""
    payload = delivery.payload
    user = await User.get_or_none(id=payload["user_id"])
    if user is None:
        return None
    text = TEXTS[Notice(payload["notice"])]
    return Draft(
        user=user,
        template="notice",
        subject=text.subject,
        to=Mailbox(*payload["to"]) if payload["to"] else None,
        values={
            "sentence": text.sentence,
            "details": _rows(payload["details"]),
            "advice": text.advice,
            "label": text.offer.label if text.offer else None,
            "url": await _url(app, text.offer, user, delivery) if text.offer else None,
        },
    )


def _rows(kept: Any) -> dict[str, Told]:
    """The rows of a letter in their order, which PostgreSQL does not keep for members of an object."""
    pairs = kept.items() if isinstance(kept, dict) else kept  # as jobs of earlier versions have them
    return {label: unpacked(told) for label, told in pairs}


async def _url(app: App, offer: Offer, user: User, delivery: Delivery) -> str:
    token = await one_time_tokens.issue(
        app,
        offer.purpose,
        lifetime=offer.lifetime,
        user_id=user.id,
        data=delivery.payload["token_data"],
        seed=delivery.seed,
    )
    return link(app, offer.purpose, token)


NOTICES = Letter(NOTICE, Topic.SECURITY, _compose)
