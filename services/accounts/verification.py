"""Proving that somebody reads the address of their account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.accounts import User
from models.one_time_tokens import Purpose
from services import analytics, audit, jobs, notifications, onboarding, one_time_tokens, sessions
from services.accounts import links
from services.accounts.links import InvalidLink
from services.analytics import UserEmailVerified
from services.audit import Action
from services.languages import phrase
from services.notifications import Delivery, Draft, Letter, Topic, suppression
from services.notifications.welcome import VERIFICATION_LIFETIME

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client

LETTER = "verify_email"


async def resend(app: App, viewer: Viewer) -> None:
    """Send the viewer another link, unless their address is proven."""
    await links.enqueue(app, LETTER, str(viewer.user.id), {"user_id": viewer.user.id})
    await jobs.wake(app)


async def _compose(app: App, delivery: Delivery) -> Draft | None:
    """The link, while the address is not proven."""
    user = await User.get_or_none(id=delivery.payload["user_id"])
    if user is None or user.email_verified_at is not None:
        return None
    token = await links.issue_anew(app, user, Purpose.VERIFY_EMAIL, delivery, lifetime=VERIFICATION_LIFETIME)
    return Draft(
        user=user,
        template="link",
        subject=phrase("Confirm your e-mail address"),
        values={
            "sentence": phrase(
                "Confirm that this is your address. Whoever has not registered with us need not do anything."
            ),
            "label": phrase("Confirm the address"),
            "url": notifications.link(app, Purpose.VERIFY_EMAIL, token),
            "code": None,
            "valid_for": VERIFICATION_LIFETIME,
        },
    )


async def verify(app: App, token: str, client: Client) -> User:
    """Whose address the token has proven. Raises InvalidLink."""
    row, user = await links.proven(app, Purpose.VERIFY_EMAIL, token)
    async with app.database.transaction():
        if not await one_time_tokens.spend(app, row):
            raise InvalidLink
        await mark(app, user, client)
    await sessions.tell_of(app, user.id)
    return user


async def mark(app: App, user: User, client: Client) -> bool:
    """Write down that the address is proven, inside the caller's transaction; whether that is news.

    Raises InvalidLink when the account has another address by now.
    """
    now = app.clock.now()
    same = User.filter(id=user.id, email_key=user.email_key)
    if await same.filter(email_verified_at=None).update(email_verified_at=now):
        user.email_verified_at = now
        await suppression.lift(app, user.email_key, anew=True)
        await audit.record(app, Action.EMAIL_VERIFIED, actor=user, client=client)
        await analytics.record(app, user.id, UserEmailVerified())
        await onboarding.done(app, user.id, onboarding.VERIFY_EMAIL)
        return True
    if not await same.exists():
        raise InvalidLink
    await suppression.lift(app, user.email_key, anew=False)
    return False


VERIFICATIONS = Letter(LETTER, Topic.SECURITY, _compose)
