"""Rotating keys: the new one is known everywhere before it is used, the old one counts until nothing of it is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from tortoise.expressions import Q

from core.tokens import ACCESS_LIFETIME, InvalidTokenError
from models.keys import Key, KeyUse
from models.mfa import Totp
from services import audit, jobs
from services.audit import Action
from services.keys.keeping import CHANNEL, name_of, new_key, standing

if TYPE_CHECKING:
    from services.app import App

LEAD = timedelta(minutes=10)
"""From when a key is published until it is used: longer than a process needs to read it (a minute) and a verifier of
our tokens keeps what we publish (five minutes)."""
LEEWAY = timedelta(minutes=5)
"""What clocks may differ by, before an old key is refused."""
SETTLED = timedelta(days=1)
"""After which nobody seals with an old key any more, however late their clock or their look at the table."""
RESEAL = "keys.resealing"
BATCH = 200
"""Texts that one job seals anew."""
ROTATED = (KeyUse.SIGN, KeyUse.SEAL)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rotation:
    """What a rotation did. When `begun` is false another one was under way, and its moments are told."""

    begun: bool
    active_at: datetime
    """When the new keys are used."""
    retired_at: datetime
    """When the last token of the old signing key is refused."""
    rewrapped: int
    """How many keys have been sealed anew, with the newest secret."""


async def rotate(app: App) -> Rotation:
    """Make the next signing and sealing keys, unless the last ones have yet to be used, and seal all keys anew.

    One transaction: it may be interrupted, and run twice at once, and begins one rotation.
    """
    now = app.clock.now()
    rows = await standing(now)
    newest = {row.use: row for row in rows}
    # One that is used later than a rotation can mean was made by a clock that ran ahead: it is passed over.
    pending = now < newest[KeyUse.SIGN].active_at <= now + LEAD + LEEWAY
    active_at = now + LEAD
    made = [
        new_key(app.key_keeper.envelope, use, newest[use].number + 1, created_at=now, active_at=active_at)
        for use in ROTATED
    ]
    async with app.database.transaction():
        if not pending:
            await Key.bulk_create(made, ignore_conflicts=True)
        begun = await Key.exists(kid=made[0].kid)
        if begun:
            await _begin(app, made)
        rewrapped = await _rewrap(app, rows)
    await app.bus.publish(CHANNEL, "")
    await jobs.wake(app)
    coming = await Key.filter(use=KeyUse.SIGN).order_by("-number").first()
    assert coming is not None
    return Rotation(begun, coming.active_at, _retirement(coming.active_at), rewrapped)


async def reseal(app: App, payload: dict[str, Any]) -> None:
    """Seal the next texts with the present key, inside one transaction with the job that goes on.

    `after` is the last row that was looked at. The second walk, a day later, also lets the old keys retire.
    """
    rows = await Totp.filter(id__gt=payload["after"]).order_by("id").limit(BATCH).values_list("id", "sealed_secret")
    changes = [(id_, sealed, _resealed(app, id_, sealed)) for id_, sealed in rows]
    async with app.database.transaction():
        for id_, sealed, fresh in changes:
            if fresh is not None and fresh != sealed:
                await Totp.filter(id=id_, sealed_secret=sealed).update(sealed_secret=fresh)
        if rows:
            await _go_on(app, payload | {"after": rows[-1][0]}, app.clock.now())
        elif payload["walk"] == 1:
            await _go_on(app, payload | {"after": 0, "walk": 2}, app.clock.now() + SETTLED)
        else:
            await _retire_sealing_keys(payload["number"])
    await jobs.wake(app)


async def _begin(app: App, made: list[Key]) -> None:
    """Write down what follows from new keys, inside the caller's transaction."""
    signing, sealing = made
    retired_at = _retirement(signing.active_at)
    stays = Q(retired_at=None) | Q(retired_at__gt=retired_at)  # the latter where a clock ran ahead
    await Key.filter(stays, use=KeyUse.SIGN, number__lt=signing.number).update(retired_at=retired_at)
    await Key.filter(use=KeyUse.SIGN, retired_at__lt=app.clock.now()).delete()
    await _go_on(app, {"number": sealing.number, "walk": 1, "after": 0}, sealing.active_at)
    await audit.record(app, Action.KEYS_ROTATED, subject=f"Key:{signing.kid}", number=signing.number)


async def _go_on(app: App, payload: dict[str, Any], due_at: datetime) -> None:
    key = f"{RESEAL}:{payload['number']}:{payload['walk']}:{payload['after']}"
    await jobs.enqueue(app, RESEAL, payload, dedup_key=key, due_at=due_at)


async def _rewrap(app: App, rows: list[Key]) -> int:
    """Seal keys with the newest secret; how many were sealed with an older one. Raises SealedElsewhereError."""
    envelope = app.key_keeper.envelope
    old = [row for row in rows if not envelope.is_newest(row.sealed, name_of(row.use, row.kid))]
    for row in old:
        name = name_of(row.use, row.kid)
        fresh = envelope.seal(envelope.open(row.sealed, name), name)
        await Key.filter(id=row.id, sealed=row.sealed).update(sealed=fresh)
    return len(old)


def _resealed(app: App, id_: int, sealed: str) -> str | None:
    """The texts of a row, separated by spaces, sealed anew; None when none of our keys opens one of them."""
    try:
        return " ".join(app.keys.resealed(text) for text in sealed.split())
    except InvalidTokenError:
        log.error("keys.not_resealed", totp_id=id_)  # ruff: ignore[error-instead-of-exception] -- where it was raised tells nothing
        return None


async def _retire_sealing_keys(number: int) -> None:
    """Delete the sealing keys before `number` that have sealed nothing that is left."""
    for row in await Key.filter(use=KeyUse.SEAL, number__lt=number):
        if not await Totp.exists(sealed_secret__contains=f".{row.kid}."):
            await Key.filter(id=row.id).delete()


def _retirement(active_at: datetime) -> datetime:
    """When no token of a key counts any more whose successor signs from `active_at` on."""
    return active_at + ACCESS_LIFETIME + LEEWAY
