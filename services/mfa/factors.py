"""Which second factors an account has."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from adapters.database import rows
from core.errors import BadUserInput
from models.mfa import Passkey, Totp
from services.access import is_staff

if TYPE_CHECKING:
    from models.accounts import User


_METHODS = """
SELECT EXISTS (SELECT 1 FROM totps WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS totp,
    EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1) AS passkey,
    EXISTS (SELECT 1 FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL) AS recovery_code
"""


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
    """What may be given as a second factor now; empty when none is asked for. One query."""
    (found,) = await rows(_METHODS, [user_id])
    methods = [method for method in (MfaMethod.TOTP, MfaMethod.PASSKEY) if found[method.lower()]]
    return [*methods, MfaMethod.RECOVERY_CODE] if methods and found["recovery_code"] else methods
