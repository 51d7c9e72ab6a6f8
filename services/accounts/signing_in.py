"""Signing in and out. Each way in proves something, then passes `enter`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.emails import InvalidEmail, parse_email
from core.errors import Refusal
from models.accounts import User
from services import audit, devices, mfa, sessions
from services.access import Viewer
from services.audit import Action
from services.mfa import half_sessions
from services.sessions import PASSWORD

if TYPE_CHECKING:
    from models.sessions import Session
    from services.app import App
    from services.devices import Description
    from services.sessions import Client, Proof, Tokens


class InvalidCredentials(Refusal):
    """Address and password do not belong together; which of the two is wrong is not said."""

    message = "The e-mail address or the password is wrong."


class AccountSuspended(Refusal):
    """The account has been suspended. Told only to who has proven to own it."""

    message = "This account has been suspended. Write to us if you believe that this is a mistake."


@dataclass(frozen=True)
class SignedIn:
    """A session that has just begun. `device_token` recognises the device at its next sign-in."""

    user: User
    session: Session
    tokens: Tokens
    device_token: str | None

    @property
    def viewer(self) -> Viewer:
        """The person who has signed in."""
        return Viewer(self.user, self.session)


async def login(app: App, *, email: str, password: str, device: Description | None, client: Client) -> SignedIn:
    """Begin a session for the right address and password.

    Raises InvalidCredentials, AccountSuspended, MfaRequired, Unavailable. Unknown addresses take the same work as
    wrong passwords.
    """
    try:
        user = await User.get_or_none(email_key=parse_email(email).key)
    except InvalidEmail:
        user = None
    genuine = await app.passwords.verify(password, user.password_hash if user else None)
    if user is None or not genuine:
        raise InvalidCredentials
    if app.passwords.outdated(user.password_hash):
        fresh = await app.passwords.hash(password)
        await User.filter(id=user.id, password_hash=user.password_hash).update(password_hash=fresh)
    return await enter(app, user, device, client, PASSWORD)


async def enter(app: App, user: User, device: Description | None, client: Client, proof: Proof) -> SignedIn:
    """Begin a session for who has given `proof` of being `user`.

    Raises AccountSuspended, and MfaRequired where the account has a second factor that `proof` does not include and
    the device is not trusted.
    """
    if user.suspended_at is not None:
        raise AccountSuspended
    methods = await mfa.methods_of(user.id) if proof.assurance == 1 else []
    if methods and not await mfa.is_trusted(app, user, device):
        raise await half_sessions.begin(app, user, methods, device, client, proof)
    async with app.database.transaction():
        return await admit(app, user, device, client, proof)


async def admit(app: App, user: User, device: Description | None, client: Client, proof: Proof) -> SignedIn:
    """Begin the session of who has given all that is asked for, inside the caller's transaction."""
    signed_in = await begin_session(app, user, device, client, proof)
    await audit.record(app, Action.SIGNED_IN, actor=user, client=client, methods=proof.methods)
    return signed_in


async def begin_session(app: App, user: User, device: Description | None, client: Client, proof: Proof) -> SignedIn:
    """Recognise the device and start the session, inside the caller's transaction."""
    known, device_token = await devices.recognise(app, user, device) if device else (None, None)
    session, tokens = await sessions.start(app, user, known, client, proof)
    return SignedIn(user, session, tokens, device_token)


async def logout(app: App, viewer: Viewer) -> None:
    """End the viewer's session."""
    await sessions.revoke(app, viewer.session, reason="LOGOUT")
