"""Sessions: one row a sign-in, whose refresh tokens are counted and proven by HMAC instead of stored."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from tortoise.expressions import F

from core.errors import Refusal
from core.tokens import ACCESS_LIFETIME, Authentication, InvalidTokenError
from models.sessions import Session

if TYPE_CHECKING:
    from models.accounts import User
    from models.devices import Device
    from services.app import App

CHANNEL = "sessions.revoked"
CHANGED = "users.changed"
"""Its messages are ids of users whose sessions or rights have changed."""
IDLE_LIFETIME = timedelta(days=14)
ABSOLUTE_LIFETIME = timedelta(days=90)
GRACE = timedelta(seconds=30)
"""How long the previous refresh token gives the same answer again: a lost response, a second tab."""

log = structlog.get_logger(__name__)


class InvalidToken(Refusal):
    """The token is forged, expired or of another kind."""

    message = "This token is not valid. Sign in again."


class SessionRevoked(Refusal):
    """The session has ended, or ends now because a token of it was used twice."""

    message = "This session has ended. Sign in again."


@dataclass(frozen=True)
class Client:
    """Where a request comes from. `ip` is the address that the outermost trusted proxy saw."""

    ip: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True)
class Tokens:
    """What a client holds to act as the viewer."""

    access_token: str
    access_token_expires_at: datetime
    refresh_token: str
    refresh_token_expires_at: datetime
    token_type: str = "Bearer"  # ruff: ignore[hardcoded-password-string] -- a scheme's name (RFC 6750)


@dataclass(frozen=True)
class Proof:
    """How somebody has shown who they are. `methods` are named by RFC 8176.

    `password` and `factor` say which of the two is fresh; `assurance` is 2 when two factors were, or one passkey that
    verified its user.
    """

    methods: tuple[str, ...]
    assurance: int = 1
    password: bool = False
    factor: bool = False


PASSWORD = Proof(methods=("pwd",), password=True)


async def start(app: App, user: User, device: Device | None, client: Client, proof: Proof) -> tuple[Session, Tokens]:
    """Begin a session, inside the caller's transaction."""
    now = app.clock.now()
    session = await Session.create(
        key=secrets.token_hex(16),
        user=user,
        device=device,
        salt=secrets.token_bytes(16),
        counter=1,
        assurance=proof.assurance,
        methods=" ".join(proof.methods),
        password_at=now if proof.password else None,
        factor_at=now if proof.factor else None,
        last_seen_at=now,
        ip=client.ip,
        user_agent=client.user_agent[:255] if client.user_agent else None,
        created_at=now,
        rotated_at=now,
        expires_at=now + ABSOLUTE_LIFETIME,
    )
    return session, tokens_of(app, session)


def tokens_of(app: App, session: Session) -> Tokens:
    """The session's present tokens. They follow from the row: the same row gives the same tokens."""
    issued_at = session.rotated_at
    access = app.keys.access_token(
        user_id=session.user_id,
        session_key=session.key,
        counter=session.counter,
        issued_at=issued_at,
        authentication=authentication_of(session),
    )
    refresh = app.keys.refresh_token(session_key=session.key, salt=session.salt, counter=session.counter)
    return Tokens(access, issued_at.replace(microsecond=0) + ACCESS_LIFETIME, refresh, refreshable_until(session))


def authentication_of(session: Session) -> Authentication:
    """How and when the session's user has last shown who they are."""
    at = max(at for at in (session.created_at, session.password_at, session.factor_at) if at is not None)
    return Authentication(session.assurance, tuple(session.methods.split()), at)


def refreshable_until(session: Session) -> datetime:
    """When the session ends unless it is refreshed before: 14 idle days, 90 days in all."""
    return min(session.expires_at, session.rotated_at + IDLE_LIFETIME)


def is_live(session: Session, now: datetime) -> bool:
    """Whether the session stands at `now`."""
    return session.revoked_at is None and now < refreshable_until(session)


async def refresh(app: App, token: str) -> Tokens:
    """The successor of a refresh token.

    The current token is rotated. The previous one gives the same successor again for 30 s, so that parallel tabs and
    lost responses harm nobody. Any older one was copied: the session ends. Raises InvalidToken, SessionRevoked.
    """
    try:
        claims = app.keys.read_refresh_token(token)
    except InvalidTokenError as error:
        raise InvalidToken from error
    session = await Session.get_or_none(key=claims.session_key)
    if session is None or not app.keys.is_genuine(claims, session.salt):
        raise InvalidToken
    now = app.clock.now()
    if claims.counter == session.counter and is_live(session, now):
        changed = await Session.filter(id=session.id, counter=claims.counter, revoked_at=None).update(
            counter=F("counter") + 1, rotated_at=now
        )
        session = await Session.get(id=session.id)
        if changed:
            return tokens_of(app, session)
    if not is_live(session, now):
        raise SessionRevoked
    if claims.counter == session.counter - 1 and now - session.rotated_at <= GRACE:
        return tokens_of(app, session)
    log.warning("session.token_reused", session=session.key, user_id=session.user_id)
    await revoke(app, session, reason="TOKEN_REUSED")
    raise SessionRevoked


async def revoke(app: App, session: Session, *, reason: str) -> None:
    """End a session, on every process. Ending it twice changes nothing."""
    changed = await Session.filter(id=session.id, revoked_at=None).update(
        revoked_at=app.clock.now(), revoked_reason=reason
    )
    if changed:
        await app.bus.publish(CHANNEL, session.key)


async def revoke_all(app: App, user_id: int, *, reason: str, keep: Session | None = None) -> int:
    """End all sessions of a user but the one to `keep`; how many those were.

    Inside a transaction the caller tells the processes afterwards, with `tell_of`.
    """
    standing = Session.filter(user_id=user_id, revoked_at=None)
    if keep is not None:
        standing = standing.exclude(id=keep.id)
    return int(await standing.update(revoked_at=app.clock.now(), revoked_reason=reason))


async def tell_of(app: App, user_id: int) -> None:
    """Tell every process that what this user may do has changed: each looks at the user's sessions anew."""
    await app.bus.publish(CHANGED, str(user_id))


async def ended_among(app: App, keys: list[str]) -> list[str]:
    """Which of these sessions do not stand any more."""
    now = app.clock.now()
    live = {session.key for session in await Session.filter(key__in=keys) if is_live(session, now)}
    return [key for key in keys if key not in live]
