"""Who is asking, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import TYPE_CHECKING

from core.errors import Unauthenticated
from core.tokens import InvalidTokenError
from models.accounts import Role, User
from models.sessions import Session
from services import sessions

if TYPE_CHECKING:
    from services.app import App


class Permission(StrEnum):
    """What somebody may do beyond their own account."""

    READ_USERS = auto()
    """See accounts, what belongs to them, and who is on the staff."""
    EXTEND_TRIALS = auto()
    SUSPEND_USERS = auto()
    """Suspend and restore accounts without a role."""
    SUSPEND_STAFF = auto()
    """Suspend and restore accounts with a role."""
    ASSIGN_ROLES = auto()
    READ_AUDIT = auto()
    """Read what happened to other accounts."""
    READ_FIGURES = auto()
    """See figures. It is what tells an ANALYST from a USER."""


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.USER: frozenset(),
    Role.SUPPORT: frozenset({Permission.READ_USERS, Permission.EXTEND_TRIALS, Permission.SUSPEND_USERS}),
    Role.ANALYST: frozenset({Permission.READ_FIGURES}),
    Role.ADMIN: frozenset(Permission),
}
"""The one table of who may do what."""


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


def is_assured(
    viewer: Viewer, max_age: int | None, now: datetime, *, has_factor: bool, adding_factor: bool = False
) -> bool:
    """Whether the viewer has used the strongest factor of their account, within `max_age` seconds.

    That is a second factor where the account has one (`has_factor`), else the password. Staff need a second factor,
    but for `adding_factor`: without that, who has become staff could never add their first one.
    """
    session = viewer.session
    if has_factor or (is_staff(viewer.user) and not adding_factor):
        proven_at = session.factor_at if session.assurance > 1 else None
    else:
        proven_at = session.password_at
    if proven_at is None:
        return False
    return max_age is None or now - proven_at <= timedelta(seconds=max_age)


def is_staff(user: User) -> bool:
    """Whether the user may do more than their own account allows."""
    return user.role is not Role.USER


def has_permission(user: User, permission: Permission) -> bool:
    """Whether the user may do this beyond their own account."""
    return permission in PERMISSIONS[user.role]


def has_role(user: User, required: Role) -> bool:
    """Whether the user may do all that `required` may."""
    return PERMISSIONS[user.role] >= PERMISSIONS[required]
