"""A new password for who has forgotten the old one and reads the letters of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.emails import email_key
from models.accounts import User
from models.mail import DeliveryStatus
from models.one_time_tokens import Purpose
from services import attempts, audit, challenges, jobs, mfa, notifications, one_time_tokens, sessions
from services.accounts import links, verification
from services.accounts.links import InvalidLink
from services.accounts.passwords import accepted, needs_factor, require_factor_for, settle
from services.accounts.reclaiming import reclaim
from services.audit import Action
from services.languages import phrase
from services.notifications import Delivery, Draft, Letter, Topic
from services.sessions import Client

if TYPE_CHECKING:
    from services.app import App

LETTER = "reset_password"


async def request(app: App, email: str, client: Client, *, challenge_answer: str | None = None) -> None:
    """Write down that a letter is asked for. Whether there is such an account is found out later, by the job.

    Raises RateLimited, with a challenge, for a network that has asked for many.
    """
    address = email_key(email)
    await challenges.limit(app, challenges.RESET_PASSWORD, client=client, address=address, answer=challenge_answer)
    await links.enqueue(app, LETTER, address, {"address": address, "ip": client.ip})
    await jobs.wake(app)


async def _compose(app: App, delivery: Delivery) -> Draft | None:
    """The link, if there is such an account."""
    user = await User.get_or_none(email_key=delivery.payload["address"])
    if user is None:
        return None
    token = await links.issue_anew(app, user, Purpose.RESET_PASSWORD, delivery)
    return Draft(
        user=user,
        template="link",
        subject=phrase("Set a new password"),
        values={
            "sentence": phrase(
                "Somebody has asked for a new password for your account. If it was not you, there is nothing to do."
            ),
            "label": phrase("Set a new password"),
            "url": notifications.link(app, Purpose.RESET_PASSWORD, token),
            "code": None,
            "valid_for": links.LIFETIME,
        },
    )


async def _sent(app: App, delivery: Delivery, status: DeliveryStatus) -> None:
    """Tell the audit log whose account a way into was sent to."""
    user = await User.get_or_none(email_key=delivery.payload["address"])
    if status is DeliveryStatus.SENT and user is not None:
        await audit.record(
            app, Action.PASSWORD_RESET_REQUESTED, user_id=user.id, client=Client(ip=delivery.payload["ip"])
        )


async def reset(app: App, token: str, new_password: str, client: Client) -> User:
    """Set the password and end every session; a refused password leaves the token as it is.

    Raises InvalidLink, InvalidPassword, Unavailable.
    """
    row, user = await links.proven(app, Purpose.RESET_PASSWORD, token)
    # What was set up before the address was proven goes with this proof, second factors too.
    has_factor = user.email_verified_at is not None and await mfa.has_factor(user.id)
    password = await accepted(app, new_password, email=user.email, name=user.name, has_factor=has_factor)
    fresh = await app.passwords.hash(password)
    async with app.database.transaction():
        if not await one_time_tokens.spend(app, row):
            raise InvalidLink
        if await verification.mark(app, user, client):
            await reclaim(app, user)
        await User.filter(id=user.id).update(password_hash=fresh, password_needs_factor=needs_factor(password))
        await require_factor_for(user.id, password)
        await mfa.reopen(user.id)
        await settle(app, user, reason="PASSWORD_RESET")
        await audit.record(app, Action.PASSWORD_RESET, actor=user, client=client)
    await attempts.forgive(app, user, client)
    await sessions.tell_of(app, user.id)
    await jobs.wake(app)
    return user


PASSWORD_RESETS = Letter(LETTER, Topic.SECURITY, _compose, settled=_sent)
