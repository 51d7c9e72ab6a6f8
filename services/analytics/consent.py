"""Whether what clients tell of a user is written down: yes, until the user says no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import Unauthenticated
from models.accounts import User
from models.analytics import Event
from services import audit, sessions
from services.analytics.client_events import CLIENT_NAMES
from services.audit import Action

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client


async def set_consent(app: App, viewer: Viewer, client: Client, *, consents: bool) -> User:
    """Give or take back the viewer's consent. What clients have told is deleted when it is taken back.

    A batch that is being written comes before, and is deleted, or after, and is not written: both hold the user's row.
    Saying the same again changes nothing. Raises Unauthenticated for who has been deleted meanwhile.
    """
    async with app.database.transaction():
        mine = User.filter(id=viewer.user.id)
        if await mine.filter(analytics_consent=not consents).update(analytics_consent=consents):
            await audit.record(app, Action.CONSENT_CHANGED, actor=viewer.user, client=client, analytics=consents)
            if not consents:
                await Event.filter(user_id=viewer.user.id, name__in=CLIENT_NAMES).delete()
    await sessions.tell_of(app, viewer.user.id)
    user = await User.get_or_none(id=viewer.user.id)
    if user is None:
        raise Unauthenticated
    return user
