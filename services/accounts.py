"""Accounts: registering, signing in, signing out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tortoise.exceptions import IntegrityError

from core.emails import Email, InvalidEmail, email_key, parse_email
from core.errors import BadUserInput, Refusal
from core.passwords import InvalidPassword, checked
from models.accounts import Role, User
from services import devices, jobs, notifications, sessions, trials
from services.access import Viewer

if TYPE_CHECKING:
    from models.sessions import Session
    from models.trials import Trial
    from services.app import App
    from services.devices import Description
    from services.sessions import Client, Tokens

__all__ = [
    "EmailTaken",
    "InvalidCredentials",
    "InvalidEmail",
    "InvalidPassword",
    "login",
    "logout",
    "make_administrator",
    "register",
]

LONGEST_NAME = 100


class EmailTaken(Refusal):
    """Somebody has registered with this address. The one place that tells so: ADR 0006."""

    message = "There is an account with this e-mail address. Sign in instead."


class InvalidCredentials(Refusal):
    """Address and password do not belong together; which of the two is wrong is not said."""

    message = "The e-mail address or the password is wrong."


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


async def register(
    app: App, *, email: str, password: str, name: str | None, device: Description | None, client: Client
) -> tuple[SignedIn, Trial | None]:
    """Make an account, its first session, its trial and its welcome letter: all of them or nothing.

    The trial is None when the person has had one under another address.
    Raises InvalidEmail, InvalidPassword, EmailTaken, Unavailable, BadUserInput.
    """
    address = parse_email(email)
    password_hash = await app.passwords.hash(checked(password))
    try:
        async with app.database.transaction():
            user = await _create_user(app, address, password_hash, cleaned_name(name))
            signed_in = await _sign_in(app, user, device, client)
            trial = await trials.begin(app, user, address)
            await notifications.welcome(app, user)
    except IntegrityError as error:
        if await User.exists(email_key=address.key):
            raise EmailTaken from error
        raise
    await jobs.wake(app)
    return signed_in, trial


async def login(app: App, *, email: str, password: str, device: Description | None, client: Client) -> SignedIn:
    """Begin a session for the right address and password. Raises InvalidCredentials, Unavailable.

    Unknown addresses take the same work as wrong passwords.
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
    async with app.database.transaction():
        return await _sign_in(app, user, device, client)


async def logout(app: App, viewer: Viewer) -> None:
    """End the viewer's session."""
    await sessions.revoke(app, viewer.session, reason="LOGOUT")


def cleaned_name(name: str | None) -> str | None:
    """A display name in NFKC, trimmed; None when nothing is left. Raises BadUserInput."""
    if name is None:
        return None
    cleaned = unicodedata.normalize("NFKC", name[: LONGEST_NAME * 4]).strip()
    if len(cleaned) > LONGEST_NAME or not cleaned.isprintable():
        raise BadUserInput(f"name has at most {LONGEST_NAME} characters, all of them printable.")
    return cleaned or None


async def _create_user(app: App, address: Email, password_hash: str, name: str | None) -> User:
    return await User.create(
        email=address.written,
        email_key=address.key,
        name=name,
        password_hash=password_hash,
        role=Role.USER,
        created_at=app.clock.now(),
    )


async def _sign_in(app: App, user: User, device: Description | None, client: Client) -> SignedIn:
    known, device_token = await devices.recognise(app, user, device) if device else (None, None)
    session, tokens = await sessions.start(app, user, known, client)
    return SignedIn(user, session, tokens, device_token)


async def make_administrator(email: str) -> bool:
    """Give the role ADMIN to a registered user; whether there is one."""
    return bool(await User.filter(email_key=email_key(email)).update(role=Role.ADMIN))
