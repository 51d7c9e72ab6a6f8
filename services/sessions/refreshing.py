"""Refreshing: which token may be exchanged, and what becomes of the session (docs/sessions.md has the table)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

import structlog

from core.errors import Refusal
from core.places import country_of
from core.tokens import InvalidTokenError, RefreshClaims
from models.sessions import Session
from services import audit, devices, jobs, notifications
from services.audit import Action
from services.notifications import Notice
from services.sessions.ending import end, tell
from services.sessions.life import Client, Tokens, is_live, tokens_of

if TYPE_CHECKING:
    from services.app import App

GRACE = timedelta(seconds=30)
"""How long the previous refresh token gives the same answer again: a lost response, a second tab."""
LATE = timedelta(hours=24)
"""How long the previous token may come late, when the answer to it was never used."""

log = structlog.get_logger(__name__)


class InvalidToken(Refusal):
    """The token is forged, expired or of another kind."""

    message = "This token is not valid. Sign in again."


class SessionRevoked(Refusal):
    """The session has ended, or ends now because a token of it was used twice."""

    message = "This session has ended. Sign in again."


class Verdict(Enum):
    """What the rule says of a genuine token."""

    ROTATE = auto()
    """It is the current one: it gets a successor."""
    REPEAT = auto()
    """It is the previous one, in time: it gets the same answer again."""
    RESUME = auto()
    """It is the previous one, late, and nobody has its successor: it gets another one, and the first dies."""
    REUSED = auto()
    """It has been copied: the session ends."""
    ENDED = auto()
    """The session has ended before."""


def verdict_on(session: Session, counter: int, now: datetime, *, same_device: bool) -> Verdict:
    """What becomes of a session whose token number `counter` is shown at `now`."""
    if not is_live(session, now):
        return Verdict.ENDED
    if counter == session.counter:
        return Verdict.ROTATE
    if counter != previous_of(session):
        return Verdict.REUSED
    age = now - session.rotated_at
    if age <= GRACE:
        return Verdict.REPEAT if same_device or not session.resumed else Verdict.REUSED
    unused = session.seen_counter < session.counter
    if unused and same_device and not session.resumed and age <= LATE:
        return Verdict.RESUME
    return Verdict.REUSED


def previous_of(session: Session) -> int:
    """The number of the refresh token that the current one succeeds."""
    return session.counter - 1 if session.previous_counter is None else session.previous_counter


def is_superseded(session: Session, counter: int) -> bool:
    """Whether tokens of this number were given out, never used, and then replaced."""
    return previous_of(session) < counter < session.counter


async def refresh(app: App, token: str, *, device_token: str | None = None, client: Client | None = None) -> Tokens:
    """The successor of a refresh token. Raises InvalidToken, SessionRevoked.

    Each change is one UPDATE of the row as it was read: who loses against another one looks again.
    """
    claims = _read(app, token)
    client = client or Client()
    while True:
        session = await Session.get_or_none(key=claims.session_key).select_related("user", "device")
        if session is None or not app.keys.is_genuine(claims, session.salt):
            raise InvalidToken
        same_device = devices.is_token_of(app, session.device, device_token)
        match verdict_on(session, claims.counter, app.clock.now(), same_device=same_device):
            case _ if session.user.suspended_at is not None:
                raise SessionRevoked
            case Verdict.ENDED:
                raise SessionRevoked
            case Verdict.REPEAT:
                return tokens_of(app, session)
            case Verdict.REUSED:
                if await _end_family(app, session, claims, client):
                    raise SessionRevoked
            case verdict:
                if await _go_on(app, session, claims, client, resumed=verdict is Verdict.RESUME):
                    return tokens_of(app, session)


async def named_by(app: App, token: str) -> Session | None:
    """The session, with its user, that a genuine refresh token names, however old; None for any other text."""
    try:
        claims = app.keys.read_refresh_token(token)
    except InvalidTokenError:
        return None
    session = await Session.get_or_none(key=claims.session_key).select_related("user")
    return session if session is not None and app.keys.is_genuine(claims, session.salt) else None


def _read(app: App, token: str) -> RefreshClaims:
    try:
        return app.keys.read_refresh_token(token)
    except InvalidTokenError as error:
        raise InvalidToken from error


async def _go_on(app: App, session: Session, shown: RefreshClaims, client: Client, *, resumed: bool) -> bool:
    """Give the token that was shown a successor; False when the row has changed since it was read.

    After a late token the one that was never used stands between the two numbers, and is neither of them.
    """
    now = app.clock.now()
    unchanged = Session.filter(id=session.id, counter=session.counter, resumed=session.resumed, revoked_at=None)
    if resumed:
        unchanged = unchanged.filter(seen_counter=session.seen_counter)
    session.previous_counter, session.counter, session.resumed = shown.counter, session.counter + 1, resumed
    session.rotated_at = session.last_seen_at = now
    session.ip, session.location = client.ip or session.ip, country_of(client.ip) or session.location
    changed = await unchanged.update(
        previous_counter=session.previous_counter,
        counter=session.counter,
        resumed=resumed,
        rotated_at=now,
        last_seen_at=now,
        ip=session.ip,
        location=session.location,
    )
    if changed and session.device is not None:
        await devices.seen(app, session.device)
    return bool(changed)


async def _end_family(app: App, session: Session, shown: RefreshClaims, client: Client) -> bool:
    """End a session one of whose old tokens was shown, with the evidence; False when the row has changed meanwhile."""
    async with app.database.transaction():
        family = Session.filter(id=session.id, counter=session.counter, resumed=session.resumed)
        ended = await end(app, family, reason="TOKEN_REUSED")
        if not ended:
            return False
        await audit.record(
            app,
            Action.TOKEN_REUSED,
            user_id=session.user_id,
            subject=f"Session:{session.id}",
            client=client,
            shown=shown.counter,
            current=session.counter,
        )
        await notifications.notify(
            app,
            session.user_id,
            Notice.TOKEN_REUSED,
            dedup_key=str(session.id),
            details=devices.circumstances(app, session.device, client),
        )
    log.warning("session.token_reused", session=session.key, user_id=session.user_id)
    await tell(app, session)
    await jobs.wake(app)
    return True
