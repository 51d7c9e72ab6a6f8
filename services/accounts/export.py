"""A copy of everything that is held about somebody: asked for when signed in, downloaded by a link that soon ends."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from core.errors import NotFound
from models.one_time_tokens import OneTimeToken, Purpose
from models.sessions import Session
from services import audit, jobs, notifications, one_time_tokens, sessions
from services.accounts.held import SECTIONS
from services.audit import Action
from services.holding import hold_in_session
from services.notifications import Notice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from models.accounts import User
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client

FORMAT = "porchlight-export/1"
LIFETIME = timedelta(minutes=15)
SUSPENDED = "SUSPENDED"
"""Why a suspension ends sessions, as they tell it."""
DOWNLOADS = 5
"""How often one link may be followed: a download that broke off is begun again."""


@dataclass(frozen=True)
class Export:
    """Where a copy can be downloaded, and until when."""

    url: str
    expires_at: datetime


async def request_export(app: App, viewer: Viewer, client: Client) -> Export:
    """A link to the viewer's data. Links that were made before stop working."""
    user = viewer.user
    async with app.database.transaction():
        await hold_in_session(viewer)
        await one_time_tokens.void(app, user.id, Purpose.EXPORT)
        token = await one_time_tokens.issue(
            app, Purpose.EXPORT, lifetime=LIFETIME, user_id=user.id, data={"session": viewer.session.id}
        )
        await audit.record(app, Action.EXPORTED, actor=user, client=client)
        await notifications.notify(app, user.id, Notice.EXPORTED, dedup_key=f"{user.id}.{secrets.token_hex(8)}")
    await jobs.wake(app)
    return Export(f"{app.settings.public_url}/exports/{token}", app.clock.now() + LIFETIME)


async def open_export(app: App, token: str) -> User:
    """Whose data a link leads to; each call counts as a download. Raises NotFound."""
    row = await find_export(app, token)
    if await one_time_tokens.attempt(app, row, DOWNLOADS) is None:
        raise NotFound
    assert row.user is not None
    return row.user


async def find_export(app: App, token: str) -> OneTimeToken:
    """The token of a link that works; looking counts as nothing. Raises NotFound.

    The link ends with the session that asked for it, so that a thief who is signed out has none left. Only a session
    that a suspension has ended leaves its link: who is suspended may still have their data.
    """
    row = await one_time_tokens.find(app, Purpose.EXPORT, token)
    if row is None or row.user is None or row.attempts >= DOWNLOADS:
        raise NotFound
    session = await Session.get_or_none(id=row.data["session"])
    if session is None:
        raise NotFound
    suspended = row.user.suspended_at is not None and session.revoked_reason == SUSPENDED
    if not suspended and not sessions.is_live(session, app.clock.now()):
        raise NotFound
    return row


async def written(app: App, user: User) -> AsyncGenerator[bytes, None]:
    """The data as one JSON object, piece by piece: a list of objects for each section."""
    head = {"format": FORMAT, "exportedAt": app.clock.now()}
    yield orjson.dumps(head)[:-1]
    for section in SECTIONS:
        yield b',"%s":[' % section.name.encode()
        separator = b""
        async for batch in section.rows(app, user):
            yield separator + b",".join(map(orjson.dumps, batch))
            separator = b","
        yield b"]"
    yield b"}"
