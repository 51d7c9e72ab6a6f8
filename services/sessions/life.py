"""A session's life: how it begins, what its tokens are, when it is over."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tortoise.expressions import Q

from core.places import country_of
from core.tokens import ACCESS_LIFETIME, Authentication
from models.sessions import Session
from services.devices import LONGEST_AGENT

if TYPE_CHECKING:
    from models.accounts import User
    from models.devices import Device
    from services.app import App

IDLE_LIFETIME = timedelta(days=14)
ABSOLUTE_LIFETIME = timedelta(days=90)


@dataclass(frozen=True)
class Client:
    """Where a request comes from. `ip` is the address that the outermost trusted proxy saw."""

    ip: str | None = None
    user_agent: str | None = None
    headers: tuple[str, ...] = ()
    """Names of the request's headers in their order: browsers of one kind send the same ones."""
    opts_out: bool = False
    """Whether it asks, by Global Privacy Control, that nobody writes down what is done with it."""


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
        seen_counter=1,  # no token precedes the first one: nothing depends on whether it has been used
        assurance=proof.assurance,
        methods=" ".join(proof.methods),
        password_at=now if proof.password else None,
        factor_at=now if proof.factor else None,
        last_seen_at=now,
        ip=client.ip,
        location=country_of(client.ip),
        user_agent=client.user_agent[:LONGEST_AGENT] if client.user_agent else None,
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


def standing(now: datetime) -> Q:
    """The same as `is_live`, for the database to decide."""
    return Q(revoked_at=None, expires_at__gt=now, rotated_at__gt=now - IDLE_LIFETIME)
