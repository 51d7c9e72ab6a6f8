"""Devices: recognised by a token that we gave, described by what the client says of itself."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput
from models.devices import Device

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App

UNNAMED = "Unnamed device"
LENGTHS = {"device_token": 64, "fingerprint": 128, "name": 100, "platform": 100, "locale": 35, "timezone": 64}
"""Characters that each part of a description may have."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a client says of its device. Nothing of it is believed, but for a token that we made."""

    device_token: str | None = None
    fingerprint: str | None = None
    name: str | None = None
    platform: str | None = None
    locale: str | None = None
    timezone: str | None = None

    def __post_init__(self) -> None:
        for part, length in LENGTHS.items():
            value: str | None = getattr(self, part)
            if value is not None and (len(value) > length or "\x00" in value):
                raise BadUserInput(f"device.{part} has at most {length} characters.")


async def recognise(app: App, user: User, said: Description) -> tuple[Device, str]:
    """The user's device that `said` describes, and its token: the known one, or a new one.

    Runs inside the caller's transaction, and writes first.
    """
    now = app.clock.now()
    parts = ("fingerprint", "name", "platform", "locale", "timezone")
    described: dict[str, Any] = {part: getattr(said, part) for part in parts if getattr(said, part) is not None}
    if said.device_token:
        hashes = app.keys.macs("device-token", said.device_token)
        known = Device.filter(user_id=user.id, key_hash__in=hashes)
        if await known.update(**described, last_seen_at=now):
            return await known.get(), said.device_token
    token = secrets.token_urlsafe(32)
    device = await Device.create(
        user_id=user.id,
        key_hash=app.keys.mac("device-token", token).hex(),
        first_seen_at=now,
        last_seen_at=now,
        **{"name": UNNAMED, **described},
    )
    return device, token


async def known(app: App, user_id: int, token: str) -> Device | None:
    """The user's device that was given this token. One query, whether or not there is such a user."""
    return await Device.filter(user_id=user_id, key_hash__in=app.keys.macs("device-token", token)).first()
