"""Setting passwords: what is accepted, changing one's own, and what ends when one is set."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Unauthenticated
from core.password_rules import ALONE, WITH_FACTOR, InvalidPassword, context_words, measured, normalised, weaknesses
from models.accounts import User
from models.one_time_tokens import Purpose
from models.sessions import Session
from services import attempts, audit, jobs, mfa, notifications, one_time_tokens, sessions
from services.access import Viewer
from services.accounts.signing_in import InvalidCredentials
from services.audit import Action
from services.notifications import Notice

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client, Tokens


@dataclass(frozen=True)
class Changed:
    """The viewer with a session that has new tokens."""

    viewer: Viewer
    tokens: Tokens


async def accepted(app: App, password: str, *, email: str, name: str | None, has_factor: bool) -> str:
    """A new password in its normalised form. Raises InvalidPassword, Unavailable."""
    rule = WITH_FACTOR if has_factor else ALONE
    normal = measured(password, rule)
    words = context_words(email, name)
    if found := await app.passwords.run(weaknesses, normal, rule, words):
        raise InvalidPassword(found)
    if await app.breaches.knows(normal):
        raise InvalidPassword(["TOO_COMMON"])
    return normal


def needs_factor(password: str) -> bool:
    """Whether a password is too short to stand alone."""
    return len(normalised(password)) < ALONE.length


async def require_factor_for(user_id: int, password: str) -> None:
    """Raise InvalidPassword when the second factor that lets a short password pass has gone while it was hashed.

    Inside the transaction that sets the password, and behind the UPDATE that does: it holds the account's row.
    """
    if needs_factor(password) and not await mfa.has_factor(user_id):
        raise InvalidPassword(["TOO_SHORT"])


async def change(app: App, viewer: Viewer, *, current: str, new: str, client: Client) -> Changed:
    """Set another password: other sessions end, this one goes on under new tokens.

    Raises InvalidCredentials, InvalidPassword, Unauthenticated, Unavailable.
    """
    user = viewer.user
    if not await attempts.confirm(app, user, current, client):
        raise InvalidCredentials("The current password is wrong.")
    has_factor = await mfa.has_factor(user.id)
    password = await accepted(app, new, email=user.email, name=user.name, has_factor=has_factor)
    if password == normalised(current):
        raise InvalidPassword(["UNCHANGED"])
    fresh = await app.passwords.hash(password)
    async with app.database.transaction():
        changed = await User.filter(id=user.id, password_hash=user.password_hash).update(
            password_hash=fresh, password_needs_factor=needs_factor(password)
        )
        if not changed:
            raise InvalidCredentials("The password has been changed meanwhile.")
        await require_factor_for(user.id, password)
        await _renew(app, viewer.session)
        await settle(app, user, keep=viewer.session, reason="PASSWORD_CHANGED")
        await audit.record(app, Action.PASSWORD_CHANGED, actor=user, client=client)
    await sessions.tell_of(app, user.id)
    await jobs.wake(app)
    session = await Session.get(id=viewer.session.id).select_related("user")
    return Changed(Viewer(session.user, session), sessions.tokens_of(app, session))


async def settle(app: App, user: User, *, reason: str, keep: Session | None = None) -> None:
    """End what the old password had opened, inside the transaction that sets a new one, and tell the owner.

    Call `sessions.tell_of` and `jobs.wake` once it has committed.
    """
    await sessions.revoke_all(app, user.id, reason=reason, keep=keep)
    await one_time_tokens.void(
        app,
        user.id,
        Purpose.RESET_PASSWORD,
        Purpose.MAGIC_LINK,
        Purpose.MFA,
        Purpose.CHANGE_EMAIL,
        Purpose.ENROLL_PASSKEY,
    )
    await mfa.distrust_all(user.id)
    key = f"{user.id}:{secrets.token_hex(8)}"
    await notifications.notify(app, user.id, Notice.PASSWORD_CHANGED, dedup_key=key)


async def _renew(app: App, session: Session) -> None:
    """Give the session another key and salt: whoever has copied a token of it holds nothing. Raises Unauthenticated."""
    now = app.clock.now()
    renewed = await Session.filter(id=session.id, revoked_at=None).update(
        key=secrets.token_hex(16),
        salt=secrets.token_bytes(16),
        counter=1,
        previous_counter=None,
        seen_counter=0,
        resumed=False,
        rotated_at=now,
        password_at=now,
    )
    if not renewed:
        raise Unauthenticated("This session has ended.")
