"""The demo account of a development server that only this machine reaches."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from core.emails import parse_email
from models.accounts import Role, User
from services import accounts
from services.sessions import Client

if TYPE_CHECKING:
    from services.app import App

EMAIL = "demo@example.com"


async def ensure(app: App, email: str, password: str) -> None:
    """Make the account, or give it this password when it has another. Several servers may start at once.

    One that has been given a role keeps its password.
    """
    key = parse_email(email).key
    if not await User.exists(email_key=key):
        with suppress(accounts.EmailTaken):
            await accounts.register(app, email=email, password=password, name="Demo", device=None, client=Client())
            return
    user = await User.get(email_key=key)
    if user.role is Role.USER and not await app.passwords.verify(password, user.password_hash):
        await User.filter(id=user.id).update(password_hash=await app.passwords.hash(password))
