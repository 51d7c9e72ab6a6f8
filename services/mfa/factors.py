"""Which second factors an account has."""

from __future__ import annotations

from enum import StrEnum

from models.mfa import Passkey, RecoveryCode, Totp


class MfaMethod(StrEnum):
    """A kind of second factor, in the contract's spelling."""

    TOTP = "TOTP"
    RECOVERY_CODE = "RECOVERY_CODE"
    PASSKEY = "PASSKEY"


async def has_factor(user_id: int) -> bool:
    """Whether the account asks for a second factor: an app that is confirmed, or a passkey. At most two queries."""
    if await Totp.exists(user_id=user_id, confirmed_at__isnull=False):
        return True
    return await Passkey.exists(user_id=user_id)


async def methods_of(user_id: int) -> list[MfaMethod]:
    """What may be given as a second factor now; empty when none is asked for. Three queries."""
    found = []
    if await Totp.exists(user_id=user_id, confirmed_at__isnull=False):
        found.append(MfaMethod.TOTP)
    if await Passkey.exists(user_id=user_id):
        found.append(MfaMethod.PASSKEY)
    if found and await RecoveryCode.exists(user_id=user_id, used_at=None):
        found.append(MfaMethod.RECOVERY_CODE)
    return found
