"""Codes of six digits that letters carry: one at a time for each subject, stored as a keyed hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.one_time_tokens import OneTimeToken, Purpose

if TYPE_CHECKING:
    from datetime import timedelta

    from services.app import App
    from services.notifications import Delivery

DIGITS = 6
LONGEST = 64
"""Characters of what is typed that are looked at."""


def of(app: App, delivery: Delivery) -> str:
    """Six digits, zeros in front included, that nobody without our key can tell: the same for each attempt."""
    mac = bytes.fromhex(app.keys.identity("code-of-delivery", delivery.seed))
    return f"{int.from_bytes(mac) % 10**DIGITS:0{DIGITS}}"


def typed(text: str) -> str:
    """What somebody typed, without the spaces."""
    return "".join(text[:LONGEST].split())


async def keep(
    app: App,
    purpose: Purpose,
    label: str,
    subject: str,
    delivery: Delivery,
    *,
    address: str,
    lifetime: timedelta,
    user_id: int | None = None,
    data: dict[str, Any] | None = None,
) -> str | None:
    """Store the hash of a delivery's code; the code. One row a subject: only the one asked for last counts, untried.

    A delivery that is attempted again has the code that it had, as often tried as it is, for another `lifetime` unless
    it is spent. None for one that is overtaken: its letter is not worth sending.
    """
    now, code = app.clock.now(), of(app, delivery)
    before = await kept(app, label, subject)
    if before is not None and before.data.get("delivery") == delivery.key:
        await OneTimeToken.filter(id=before.id, used_at=None).update(expires_at=now + lifetime)
        return code
    if before is not None and before.data.get("asked_at", "") > delivery.asked_at:
        return None
    stamp = {"delivery": delivery.key, "asked_at": delivery.asked_at}
    row = OneTimeToken(
        purpose=purpose,
        key_hash=_key(app, label, subject),
        user_id=user_id,
        address=address,
        data={"mac": app.keys.mac(label, _hashed(subject, code)).hex(), **(data or {}), **stamp},
        attempts=0,
        attempts_elsewhere=0,
        created_at=now,
        expires_at=now + lifetime,
    )
    renewed = ("user_id", "data", "attempts", "attempts_elsewhere", "created_at", "expires_at", "used_at")
    await OneTimeToken.bulk_create([row], on_conflict=["key_hash"], update_fields=renewed)
    return code


async def overtaken(app: App, label: str, subject: str, delivery: Delivery) -> bool:
    """Whether the subject has a code that was asked for after this delivery."""
    row = await kept(app, label, subject)
    return row is not None and row.data.get("asked_at", "") > delivery.asked_at


async def kept(app: App, label: str, subject: str) -> OneTimeToken | None:
    """The row of a subject's newest code, with its user; whether it is still good is for others to see."""
    return await OneTimeToken.get_or_none(key_hash=_key(app, label, subject)).select_related("user")


def is_right(app: App, row: OneTimeToken, label: str, subject: str, text: str) -> bool:
    """Whether `text` is the code of the row. Count the try first: `one_time_tokens.attempt`."""
    return app.keys.proves(bytes.fromhex(row.data["mac"]), label, _hashed(subject, typed(text)))


def _key(app: App, label: str, subject: str) -> str:
    return app.keys.identity(label, subject)


def _hashed(subject: str, code: str) -> str:
    return f"{subject} {code}"
