"""Which second factors an account has."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from core.errors import BadUserInput
from models.mfa import Passkey, RecoveryCode, Totp
from services.access import is_staff

if TYPE_CHECKING:
    from models.accounts import User


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


def require_dispensable(user: User) -> None:
    """Raise BadUserInput where an account may not be without a second factor, and its last one is to go."""
    if is_staff(user):
        raise BadUserInput("Your role needs a second factor: add another one first.")
    if user.password_needs_factor:
        raise BadUserInput("Your password is too short to stand alone: choose a longer one, or add another factor.")


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
