"""Taking an account's row before what it rests on changes, so that what comes at once comes one after the other.

Each is the first statement of a transaction, and holds until that transaction ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.expressions import F

from core.errors import Unauthenticated
from models.accounts import User
from models.sessions import Session

if TYPE_CHECKING:
    from services.access import Viewer


async def hold(user_id: int) -> None:
    """Let nobody else sign in, or change password or factors, meanwhile. One UPDATE."""
    await User.filter(id=user_id).update(factor_failures=F("factor_failures"))


async def hold_unchanged(user: User) -> None:
    """The same, if the account still is as a proof found it: who suspends it or sets a password is heeded.

    Raises Unauthenticated.
    """
    unchanged = User.filter(id=user.id, suspended_at=None, password_hash=user.password_hash)
    if not await unchanged.update(factor_failures=F("factor_failures")):
        raise Unauthenticated("The account has changed meanwhile. Sign in again.")


async def hold_in_session(viewer: Viewer) -> None:
    """The same, if the viewer's session still stands: the one that a request began with may have ended since.

    Raises Unauthenticated.
    """
    await hold(viewer.user.id)
    if not await stands(viewer.session.id):
        raise Unauthenticated("This session has ended.")


async def stands(session_id: int) -> bool:
    """Whether nobody has ended this session."""
    return await Session.exists(id=session_id, revoked_at=None)
