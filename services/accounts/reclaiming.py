"""Giving an account to whose address it bears, when somebody else may have registered with it to wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.accounts import User
from models.mfa import Passkey, RecoveryCode, Totp
from models.one_time_tokens import Purpose
from services import mfa, one_time_tokens, sessions

if TYPE_CHECKING:
    from services.app import App


async def reclaim(app: App, user: User) -> None:
    """Take away whatever was set up before anybody had proven to read the address, inside the proof's transaction.

    Password, second factors, sessions, trusted devices, letters and a deletion that was asked for: who set them up need
    not be who reads the address. Call `sessions.tell_of` once it has committed.
    """
    user.password_hash = app.passwords.unusable()
    user.password_needs_factor = False
    user.deletion_at = None
    await user.save(update_fields=["password_hash", "password_needs_factor", "deletion_at"])
    for factor in (Passkey, Totp, RecoveryCode):
        await factor.filter(user_id=user.id).delete()
    await sessions.revoke_all(app, user.id, reason="ADDRESS_PROVEN")
    await one_time_tokens.void(app, user.id, *Purpose)
    await mfa.distrust_all(user.id)
