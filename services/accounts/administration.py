"""What administrators do with accounts."""

from __future__ import annotations

from core.emails import email_key
from models.accounts import Role, User


async def make_administrator(email: str) -> bool:
    """Give the role ADMIN to a registered user; whether there is one."""
    return bool(await User.filter(email_key=email_key(email)).update(role=Role.ADMIN))
