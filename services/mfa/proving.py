"""Giving a second factor: a code of either kind or a passkey, looked at only after the look has been counted."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput
from services.mfa import attempts, passkeys, recovery, totp_codes
from services.mfa.factors import MfaMethod
from services.mfa.passkeys.responses import read_used

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.sessions import Client

LONGEST_CODE = 64
"""Characters that are looked at; the longest code has 29 with its hyphens."""
AUTHENTICATION_METHODS = {MfaMethod.TOTP: "otp", MfaMethod.RECOVERY_CODE: "otp", MfaMethod.PASSKEY: "pop"}
"""Names of RFC 8176. It has none for a recovery code: that is a password that works once, too."""


@dataclass(frozen=True)
class Answer:
    """A code or a passkey's assertion: exactly one of the two. Raises BadUserInput."""

    code: str | None = None
    passkey: Any = None

    def __post_init__(self) -> None:
        if (self.code is None) == (self.passkey is None):
            raise BadUserInput("Give either a code or a passkey.")
        if self.passkey is not None:
            read_used(self.passkey)  # what has no shape costs no try


async def prove(
    app: App, user_id: int, answer: Answer, client: Client, *, actor: User | None = None, at_most: int = attempts.FREE
) -> MfaMethod:
    """Which factor of the user the answer is. It is spent by this; the caller forgives the count in its transaction.

    `at_most` are the tries that the caller's own count leaves. Raises InvalidCode.
    """
    left = await attempts.count(app, user_id)
    method = await _accepted(app, user_id, answer, client) if left is not None else None
    if method is None or left is None:
        looked = "LOOKED" if left is not None else "WAITING"
        raise await attempts.failed(app, user_id, min(left or 0, at_most), client, actor=actor, state=looked)
    return method


async def _accepted(app: App, user_id: int, answer: Answer, client: Client) -> MfaMethod | None:
    if answer.code is None:
        return MfaMethod.PASSKEY if await passkeys.verify(app, user_id, answer.passkey, client=client) else None
    code = plain(answer.code)
    if totp_codes.is_one(code):
        return MfaMethod.TOTP if await totp_codes.accept(app, user_id, code) else None
    spare = recovery.written(code)
    if spare is not None and await recovery.accept(app, user_id, spare, client):
        return MfaMethod.RECOVERY_CODE
    return None


def plain(code: str) -> str:
    """A code as it was meant, whichever keyboard it came from: NFKC, without spaces."""
    return "".join(unicodedata.normalize("NFKC", code[:LONGEST_CODE]).split())
