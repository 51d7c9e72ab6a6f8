"""Stepping up: showing again, in a session that stands, who one is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput
from models.sessions import Session
from services import attempts as guesses
from services import audit, sessions
from services.accounts.signing_in import InvalidCredentials
from services.audit import Action
from services.mfa import attempts, marking, proving
from services.mfa.factors import has_factor
from services.mfa.proving import Answer

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client, Tokens

LIFETIME = timedelta(minutes=10)
"""The `maxAge` of whatever asks for a step-up."""


@dataclass(frozen=True)
class SteppedUp:
    """Until when a guard lets the session pass, and the session's tokens, which say what it has used."""

    valid_until: datetime
    tokens: Tokens


async def step_up(
    app: App, viewer: Viewer, *, password: str | None, code: str | None, passkey: Any, client: Client
) -> SteppedUp:
    """Mark the viewer's session as one whose user has just shown who they are, with exactly one of the three.

    An account that has a second factor is asked for it: a password may have been seen. The viewer's own session row is
    changed too, for what follows in the same operation. Raises BadUserInput, InvalidCredentials, InvalidCode.
    """
    if [password, code, passkey].count(None) != 2:  # ruff: ignore[magic-value-comparison] -- three less one
        raise BadUserInput("Give exactly one: password, code or passkey.")
    protected = await has_factor(viewer.user.id)
    if password is None:
        if not protected:
            raise BadUserInput("This account has no second factor: give the password.")
        await _with_factor(app, viewer, Answer(code, passkey), client)
    else:
        if protected:
            raise BadUserInput("This account has a second factor: give a code or a passkey.")
        await _with_password(app, viewer, password, client)
    # Another tab may have refreshed since this request began: older tokens would end the session when they come back.
    session = await Session.get(id=viewer.session.id)
    return SteppedUp(app.clock.now() + LIFETIME, sessions.tokens_of(app, session))


async def _with_factor(app: App, viewer: Viewer, answer: Answer, client: Client) -> None:
    user = viewer.user
    method = await proving.prove(app, user.id, answer, client, actor=user)
    async with app.database.transaction():
        await attempts.forgive(user.id)
        await marking.used_factor(app, viewer.session, method)
        await audit.record(app, Action.STEPPED_UP, actor=user, client=client, method=method)


async def _with_password(app: App, viewer: Viewer, password: str, client: Client) -> None:
    user = viewer.user
    if not await guesses.confirm(app, user, password, client):
        raise InvalidCredentials("The password is wrong.")
    async with app.database.transaction():
        await marking.used_password(app, viewer.session)
        await audit.record(app, Action.STEPPED_UP, actor=user, client=client, method="PASSWORD")
