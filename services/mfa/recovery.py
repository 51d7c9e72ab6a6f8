"""Recovery codes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from models.mfa import RecoveryCode

if TYPE_CHECKING:
    from services.app import App


async def issue(app: App, user_id: int) -> list[str]:
    """New codes in place of the account's old ones, inside the caller's transaction."""
    await RecoveryCode.filter(user_id=user_id).delete()
    codes = [secrets.token_hex(8) for _ in range(10)]
    now = app.clock.now()
    hashed = [app.keys.mac("recovery-code", code).hex() for code in codes]
    await RecoveryCode.bulk_create(
        [RecoveryCode(user_id=user_id, code_hash=code_hash, created_at=now) for code_hash in hashed]
    )
    return codes
