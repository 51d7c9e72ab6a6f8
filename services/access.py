"""Who is asking, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Unauthenticated
from core.tokens import InvalidTokenError
from models.accounts import Role, User
from models.sessions import Session
from services import sessions

if TYPE_CHECKING:
    from services.app import App


@dataclass(frozen=True)
class Viewer:
    """The signed-in user of a request, with the session that the request belongs to."""

    user: User
    session: Session


async def authenticate(app: App, access_token: str) -> Viewer:
    """The viewer that an access token stands for. One query. Raises Unauthenticated."""
    try:
        claims = app.keys.read_access_token(access_token, app.clock.now())
    except InvalidTokenError as error:
        raise Unauthenticated("The access token is not valid.") from error
    return await viewer_of(app, claims.session_key, claims.user_id)


async def viewer_of(app: App, session_key: str, user_id: int) -> Viewer:
    """The viewer of a session that stands. One query. Raises Unauthenticated."""
    session = await Session.get_or_none(key=session_key, user_id=user_id).select_related("user")
    if session is None or not sessions.is_live(session, app.clock.now()):
        raise Unauthenticated("This session has ended.")
    return Viewer(session.user, session)


def has_role(user: User, required: Role) -> bool:
    """Whether the user may do what `required` may: everybody is a USER, an ADMIN is everything."""
    return required is Role.USER or user.role in {required, Role.ADMIN}
