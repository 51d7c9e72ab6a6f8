"""Recovery codes: what remains when the telephone is lost. Each works once."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from core.errors import BadUserInput
from models.mfa import RecoveryCode
from services import audit, jobs, notifications
from services.audit import Action
from services.holding import hold_in_session
from services.languages import label
from services.mfa.factors import has_factor
from services.notifications import Notice

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client

COUNT = 10
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's Base32: no letter that is read as a digit or as another one."""
MISREAD = str.maketrans("OIL", "011")
LENGTH = 24
"""120 random bits. From 112 on a plain keyed hash is enough: ASVS 5.0, 6.5.2."""
GROUP = 4
PURPOSE = "recovery-code"


def written(code: str) -> str | None:
    """A recovery code in its one spelling, however it was typed; None for what cannot be one."""
    plain = code.replace("-", "").replace(" ", "").upper().translate(MISREAD)
    return plain if len(plain) == LENGTH and set(plain) <= set(ALPHABET) else None


async def issue(app: App, user_id: int) -> list[str]:
    """Ten new codes in place of all old ones, inside the caller's transaction, which holds the user's row."""
    now = app.clock.now()
    await RecoveryCode.filter(user_id=user_id).delete()
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(COUNT)]
    await RecoveryCode.bulk_create(
        RecoveryCode(user_id=user_id, code_hash=app.keys.mac(PURPOSE, _bound(user_id, code)).hex(), created_at=now)
        for code in codes
    )
    return [_grouped(code) for code in codes]


async def regenerate(app: App, viewer: Viewer, client: Client) -> list[str]:
    """New codes for the viewer; the old ones are void. Raises BadUserInput for an account without a second factor."""
    user = viewer.user
    async with app.database.transaction():
        # Two at once would each leave ten: the user's row lets one in after the other.
        await hold_in_session(viewer)
        if not await has_factor(user.id):
            raise BadUserInput("Add a second factor first: recovery codes stand in for one.")
        codes = await issue(app, user.id)
        await audit.record(app, Action.RECOVERY_CODES_MADE, actor=user, client=client)
    return codes


async def accept(app: App, user_id: int, code: str, client: Client) -> bool:
    """Use a code up. One UPDATE decides: of two who come with it at once, one gets through. The owner is told."""
    now = app.clock.now()
    hashes = app.keys.macs(PURPOSE, _bound(user_id, code))
    unused = RecoveryCode.filter(user_id=user_id, code_hash__in=hashes, used_at=None)
    async with app.database.transaction():
        if not await unused.update(used_at=now):
            return False
        used = await RecoveryCode.get(user_id=user_id, code_hash__in=hashes)
        left = await RecoveryCode.filter(user_id=user_id, used_at=None).count()
        await audit.record(app, Action.RECOVERY_CODE_USED, user_id=user_id, client=client, left=left)
        await notifications.notify(
            app, user_id, Notice.RECOVERY_CODE_USED, dedup_key=str(used.id), details={label("Codes left"): left}
        )
    await jobs.wake(app)
    return True


def _bound(user_id: int, code: str) -> str:
    """What is hashed: the same code of another user has another hash."""
    return f"{user_id}:{code}"


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))
