"""Signing in and out. Each way in proves something, then passes `enter`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import Refusal, Unauthenticated
from models.accounts import User
from services import access, analytics, attempts, audit, devices, jobs, mfa, notifications, sessions
from services.access import Viewer
from services.analytics import Outcome, SignInProven
from services.audit import Action
from services.holding import hold_unchanged
from services.mfa import half_sessions
from services.notifications import Notice
from services.sessions import PASSWORD

if TYPE_CHECKING:
    from models.devices import Device
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
    device_token: str
    device: Device
    new_device: bool

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

    Raises InvalidCredentials, ChallengeRequired, AccountSuspended, MfaRequired, Unavailable. Unknown addresses, and
    guesses that are one too many, take the same work as wrong passwords.
    """
    user = await attempts.sign_in(
        app, email=email, password=password, device=device, client=client, challenge_answer=challenge_answer
    )
    if user is None or access.is_gone(user, app.clock.now()):
        raise InvalidCredentials
    if app.passwords.outdated(user.password_hash):
        await _rehash(app, user, password)
    return await enter(app, user, device, client, PASSWORD)


async def enter(app: App, user: User, device: Description | None, client: Client, proof: Proof) -> SignedIn:
    """Begin a session for who has given `proof` of being `user`.

    Raises AccountSuspended, and MfaRequired where the account has a second factor that `proof` does not include and
    the device is not trusted.
    """
    if access.is_gone(user, app.clock.now()):
        raise Unauthenticated("This account has been deleted.")
    if user.suspended_at is not None:
        await analytics.record(app, user.id, SignInProven(outcome=Outcome.SUSPENDED, factor=False))
        raise AccountSuspended
    methods = await mfa.methods_of(user.id) if proof.assurance == 1 else []
    if methods and not await mfa.is_trusted(app, user, device):
        raise await half_sessions.begin(app, user, methods, device, client, proof)
    async with app.database.transaction():
        await hold_unchanged(user)
        signed_in = await admit(app, user, device, client, proof, asked=False)
    if signed_in.new_device:
        await jobs.wake(app)
    return signed_in


async def admit(
    app: App, user: User, device: Description | None, client: Client, proof: Proof, *, asked: bool
) -> SignedIn:
    """Begin the session of who has given all that is asked for, inside the caller's transaction.

    `asked`: whether a second factor was asked for besides. Call `jobs.wake` once it has committed.
    """
    signed_in = await begin_session(app, user, device, client, proof)
    await audit.record(app, Action.SIGNED_IN, actor=user, client=client, methods=proof.methods)
    await analytics.record(app, user.id, SignInProven(outcome=Outcome.SIGNED_IN, factor=asked))
    if signed_in.new_device:
        await _meet_device(app, signed_in, client)
    return signed_in


async def begin_session(app: App, user: User, device: Description | None, client: Client, proof: Proof) -> SignedIn:
    """Recognise the device and start the session, inside the caller's transaction."""
    recognised = await devices.recognise(app, user, device, client.user_agent)
    session, tokens = await sessions.start(app, user, recognised.device, client, proof)
    return SignedIn(user, session, tokens, recognised.token, recognised.device, recognised.new)


async def logout(app: App, viewer: Viewer | None, *, refresh_token: str | None = None, client: Client) -> None:
    """End the viewer's session, or the one that a cookie's refresh token names. Raises Unauthenticated for nobody.

    A browser whose access token has run out must not stay signed in because of that.
    """
    if viewer is None and refresh_token is None:
        raise Unauthenticated
    named = viewer.session if viewer else await sessions.named_by(app, refresh_token or "")
    if named is not None:
        await sessions.sign_out(app, viewer or Viewer(named.user, named), client)


async def _rehash(app: App, user: User, password: str) -> None:
    """Hash the password, which was right, with today's parameters."""
    fresh = await app.passwords.hash(password)
    if await User.filter(id=user.id, password_hash=user.password_hash).update(password_hash=fresh):
        user.password_hash = fresh
        return
    await user.refresh_from_db(["password_hash"])
    if not await app.passwords.verify(password, user.password_hash):  # it was not another sign-in's rehash
        raise InvalidCredentials


async def _meet_device(app: App, signed_in: SignedIn, client: Client) -> None:
    """Write down a device that is new to the account, and ask the owner by mail whether the sign-in was theirs."""
    user, device, session = signed_in.user, signed_in.device, signed_in.session
    await sessions.make_room(app, user.id)
    await audit.record(app, Action.DEVICE_ADDED, actor=user, subject=f"Device:{device.id}", client=client)
    await notifications.notify(
        app,
        user.id,
        Notice.NEW_DEVICE,
        dedup_key=str(session.id),
        details=devices.circumstances(app, device, client),
        token_data={"session": session.id},
    )
