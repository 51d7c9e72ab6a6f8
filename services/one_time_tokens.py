"""Tokens that work once, for one purpose, until they expire."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any

from tortoise.expressions import F

from models.one_time_tokens import OneTimeToken, Purpose

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from services.app import App

LONGEST = 128
"""Characters. Ours have 43; nothing longer is looked up."""


async def issue(
    app: App,
    purpose: Purpose,
    *,
    lifetime: timedelta,
    user_id: int | None = None,
    address: str | None = None,
    data: Any = None,
    seed: str | None = None,
) -> str:
    """A new token of 256 bits, of which the database keeps a keyed hash.

    It is made by chance, or of the `seed` of a letter's delivery: then a second call gives the same token. Its time
    begins anew, for the letter is sent again, unless it is spent.
    """
    token = secrets.token_urlsafe(32) if seed is None else _of(app, purpose, seed)
    now = app.clock.now()
    row = OneTimeToken(
        purpose=purpose,
        key_hash=app.keys.mac(_hashed_as(purpose), token).hex(),
        user_id=user_id,
        address=address,
        data=data,
        created_at=now,
        expires_at=now + lifetime,
    )
    if seed is None or not await _renew(app, purpose, token, row.expires_at):
        await OneTimeToken.bulk_create([row], ignore_conflicts=seed is not None)
    return token


async def reissue(app: App, purpose: Purpose, seed: str, *, lifetime: timedelta) -> str | None:
    """The token that an earlier attempt at a delivery has issued, for another `lifetime` unless spent; None without."""
    token = _of(app, purpose, seed)
    return token if await _renew(app, purpose, token, app.clock.now() + lifetime) else None


async def _renew(app: App, purpose: Purpose, token: str, expires_at: datetime) -> bool:
    """Whether there is such a token; one that is not spent expires then."""
    issued = OneTimeToken.filter(key_hash__in=app.keys.macs(_hashed_as(purpose), token))
    if await issued.filter(used_at=None).update(expires_at=expires_at):
        return True
    return await issued.exists()


def _of(app: App, purpose: Purpose, seed: str) -> str:
    """The token of a letter's delivery. Its key outlives rotations, so that no attempt has another token."""
    mac = bytes.fromhex(app.keys.identity(f"token-of-delivery/{purpose}", seed))
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


async def find(app: App, purpose: Purpose, token: str) -> OneTimeToken | None:
    """The unspent token of this purpose, with its user; None for anything else."""
    return await _valid(app, purpose, token).first().select_related("user") if _plausible(token) else None


async def spend(app: App, row: OneTimeToken) -> bool:
    """Use a found token up. One UPDATE decides: of two who come at once, one is told so."""
    now = app.clock.now()
    return bool(await OneTimeToken.filter(id=row.id, used_at=None, expires_at__gt=now).update(used_at=now))


async def attempt(app: App, row: OneTimeToken, limit: int, *, elsewhere: bool = False) -> int | None:
    """Count one try at what the token asks for; how many are left after it, or None when there was none left.

    Tries from `elsewhere` than where the token was asked for are counted by themselves.
    """
    now, counter = app.clock.now(), "attempts_elsewhere" if elsewhere else "attempts"
    open_ = OneTimeToken.filter(id=row.id, used_at=None, expires_at__gt=now, **{f"{counter}__lt": limit})
    if not await open_.update(**{counter: F(counter) + 1}):
        return None
    tried: int = getattr(await OneTimeToken.get(id=row.id), counter)
    return max(0, limit - tried)


async def void(app: App, user_id: int, *purposes: Purpose) -> None:
    """Make a user's outstanding tokens of these purposes useless."""
    await OneTimeToken.filter(user_id=user_id, purpose__in=purposes, used_at=None).update(used_at=app.clock.now())


def _valid(app: App, purpose: Purpose, token: str) -> Any:
    hashes = app.keys.macs(_hashed_as(purpose), token)
    return OneTimeToken.filter(purpose=purpose, key_hash__in=hashes, used_at=None, expires_at__gt=app.clock.now())


def _hashed_as(purpose: Purpose) -> str:
    return f"one-time-token/{purpose}"


def _plausible(token: str) -> bool:
    return 0 < len(token) <= LONGEST and token.isascii()
