"""Ending sessions, on every process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.errors import NotFound
from models.sessions import Session
from services import audit
from services.audit import Action
from services.sessions.life import standing

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions.life import Client

CHANNEL = "sessions.revoked"
"""Its messages are keys of sessions that have ended."""
CHANGED = "users.changed"
"""Its messages are ids of users whose sessions, rights or own row have changed."""


async def end(app: App, which: Any, *, reason: str) -> int:
    """End those of the sessions that are not ended yet, inside the caller's transaction; how many those were."""
    return int(await which.filter(revoked_at=None).update(revoked_at=app.clock.now(), revoked_reason=reason))


async def tell(app: App, session: Session) -> None:
    """Tell every process that this session has ended."""
    await app.bus.publish(CHANNEL, session.key)
    await tell_of(app, session.user_id)


async def tell_of(app: App, user_id: int) -> None:
    """Tell every process that what this user may do, or is known as, has changed.

    Each forgets what it has kept of the user (`services.viewers`), and looks at the user's open sockets anew.
    """
    await app.bus.publish(CHANGED, str(user_id))


async def revoke(app: App, session: Session, *, reason: str) -> None:
    """End a session, on every process. Ending it twice changes nothing."""
    if await end(app, Session.filter(id=session.id), reason=reason):
        await tell(app, session)


async def revoke_all(app: App, user_id: int, *, reason: str, keep: Session | None = None) -> int:
    """End all standing sessions of a user but the one to `keep`; how many those were.

    Inside a transaction the caller tells the processes afterwards, with `tell_of`.
    """
    theirs = Session.filter(standing(app.clock.now()), user_id=user_id)
    return await end(app, theirs if keep is None else theirs.exclude(id=keep.id), reason=reason)


async def sign_out(app: App, viewer: Viewer, client: Client) -> None:
    """End the viewer's own session."""
    await _end_one(app, viewer, viewer.session, Action.SIGNED_OUT, client, reason="LOGOUT")


async def revoke_by_id(app: App, viewer: Viewer, session_id: int | None, client: Client) -> None:
    """End one of the viewer's sessions; one that has ended already may be ended again. Raises NotFound."""
    session = await Session.get_or_none(id=session_id, user_id=viewer.user.id) if session_id else None
    if session is None:
        raise NotFound
    await _end_one(app, viewer, session, Action.SESSION_REVOKED, client, reason="REVOKED")


async def revoke_others(app: App, viewer: Viewer, client: Client) -> int:
    """End all sessions of the viewer but the present one; how many those were."""
    async with app.database.transaction():
        count = await revoke_all(app, viewer.user.id, reason="REVOKED", keep=viewer.session)
        if count:
            await audit.record(app, Action.SESSION_REVOKED, actor=viewer.user, client=client, others=count)
    if count:
        await tell_of(app, viewer.user.id)
    return count


async def _end_one(app: App, viewer: Viewer, session: Session, action: Action, client: Client, *, reason: str) -> None:
    async with app.database.transaction():
        ended = await end(app, Session.filter(id=session.id), reason=reason)
        if ended:
            await audit.record(app, action, actor=viewer.user, subject=f"Session:{session.id}", client=client)
    if ended:
        await tell(app, session)
