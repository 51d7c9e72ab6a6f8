"""Who is asking, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
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
        claims = await app.key_keeper.read_access_token(access_token, app.clock.now())
    except InvalidTokenError as error:
        raise Unauthenticated("The access token is not valid.") from error
    return await viewer_of(app, claims.session_key, claims.user_id)


async def viewer_of(app: App, session_key: str, user_id: int) -> Viewer:
    """The viewer of a session that stands. One query. Raises Unauthenticated."""
    session = await Session.get_or_none(key=session_key, user_id=user_id).select_related("user")
    if session is None or not sessions.is_live(session, app.clock.now()):
        raise Unauthenticated("This session has ended.")
    if is_gone(session.user, app.clock.now()):
        raise Unauthenticated("This account has been deleted.")
    return Viewer(session.user, session)


def is_assured(viewer: Viewer, max_age: int | None, now: datetime, *, has_factor: bool) -> bool:
    """Whether the viewer has used the strongest factor of their account, within `max_age` seconds.

    That is a second factor where the account has one (`has_factor`), else the password. Staff need a second factor.
    """
    session = viewer.session
    if has_factor or is_staff(viewer.user):
        proven_at = session.factor_at if session.assurance > 1 else None
    else:
        proven_at = session.password_at
    if proven_at is None:
        return False
    return max_age is None or now - proven_at <= timedelta(seconds=max_age)


def is_gone(user: User, now: datetime) -> bool:
    """Whether the account counts as deleted, whether or not the job that deletes it has come by."""
    return user.deletion_at is not None and user.deletion_at <= now


def is_staff(user: User) -> bool:
    """Whether the user may do more than their own account allows."""
    return user.role is not Role.USER


def has_role(user: User, required: Role) -> bool:
    """Whether the user may do what `required` may: everybody is a USER, an ADMIN is everything."""
    return required is Role.USER or user.role in {required, Role.ADMIN}
