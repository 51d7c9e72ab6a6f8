"""Signing in and out. Each way in proves something, then passes `enter`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Refusal
from models.accounts import User
from services import attempts, audit, devices, sessions
from services.access import Viewer
from services.audit import Action
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


async def login(
    app: App,
    *,
    email: str,
    password: str,
    device: Description | None,
    client: Client,
    challenge_answer: str | None = None,
) -> SignedIn:
    """Begin a session for the right address and password.

    Raises InvalidCredentials, ChallengeRequired, AccountSuspended, Unavailable. Unknown addresses, and guesses that are
    one too many, take the same work as wrong passwords.
    """
    user = await attempts.sign_in(
        app, email=email, password=password, device=device, client=client, challenge_answer=challenge_answer
    )
    if user is None:
        raise InvalidCredentials
    if app.passwords.outdated(user.password_hash):
        fresh = await app.passwords.hash(password)
        await User.filter(id=user.id, password_hash=user.password_hash).update(password_hash=fresh)
    return await enter(app, user, device, client, PASSWORD)


async def enter(app: App, user: User, device: Description | None, client: Client, proof: Proof) -> SignedIn:
    """Begin a session for who has given `proof` of being `user`. Raises AccountSuspended."""
    if user.suspended_at is not None:
        raise AccountSuspended
    async with app.database.transaction():
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
