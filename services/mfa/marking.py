"""What a session's row says of how its user has last shown who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import Unauthenticated
from models.sessions import Session
from services.mfa.proving import AUTHENTICATION_METHODS

if TYPE_CHECKING:
    from services.app import App
    from services.mfa.factors import MfaMethod

MULTIPLE = "mfa"
"""More than one factor has been used: RFC 8176."""


async def used_factor(app: App, session: Session, method: MfaMethod) -> None:
    """The session has used a second factor now. Raises Unauthenticated when it has ended meanwhile."""
    session.factor_at = app.clock.now()
    session.assurance = 2
    session.methods = _with(session.methods, AUTHENTICATION_METHODS[method], MULTIPLE)
    await _store(session, "factor_at", "assurance", "methods")


async def used_password(app: App, session: Session) -> None:
    """The session has given the password now. Raises Unauthenticated when it has ended meanwhile."""
    session.password_at = app.clock.now()
    session.methods = _with(session.methods, "pwd")
    await _store(session, "password_at", "methods")


async def _store(session: Session, *names: str) -> None:
    values = {name: getattr(session, name) for name in names}
    if not await Session.filter(id=session.id, revoked_at=None).update(**values):
        raise Unauthenticated("This session has ended.")


def _with(methods: str, *more: str) -> str:
    return " ".join(dict.fromkeys([*methods.split(), *more]))
