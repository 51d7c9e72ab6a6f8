"""Devices: recognised by a token that we gave, described by what the client says of itself."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput
from core.places import country_code_of
from models.devices import Device
from services.languages import Country, Told, label, phrase
from services.pages import Page, Rows, newest_first

if TYPE_CHECKING:
    from datetime import datetime

    from models.accounts import User
    from services.app import App
    from services.sessions import Client

UNNAMED = "Unnamed device"
LENGTHS = {"device_token": 64, "fingerprint": 128, "name": 100, "platform": 100, "locale": 35, "timezone": 64}
"""Characters that each part of a description may have."""
TRUSTED_FOR = timedelta(days=30)
"""How long a trusted device stands for the second factor."""
LONGEST_AGENT = 255
"""Characters of a User-Agent header that are looked at and kept."""


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


@dataclass(frozen=True)
class Recognised:
    """A user's device, with the token that recognises it next time. `new` when nobody has signed in from it before."""

    device: Device
    token: str
    new: bool


async def recognise(app: App, user: User, said: Description | None, user_agent: str | None) -> Recognised:
    """The user's device that `said` describes: the known one, or a new one.

    The token alone decides: without it the same browser is a new device. Runs inside the caller's transaction, and
    writes first.
    """
    now = app.clock.now()
    said = said or Description()
    parts = ("fingerprint", "name", "platform", "locale", "timezone")
    described: dict[str, Any] = {part: getattr(said, part) for part in parts if getattr(said, part) is not None}
    if said.device_token:
        known = _known(app, user.id, said.device_token)
        if await known.update(**described, last_seen_at=now):
            return Recognised(await known.get(), said.device_token, new=False)
    token = secrets.token_urlsafe(32)
    device = await Device.create(
        user_id=user.id,
        key_hash=app.keys.mac("device-token", token).hex(),
        first_seen_at=now,
        last_seen_at=now,
        **{**described, "name": described.get("name") or name_of(user_agent)},
    )
    return Recognised(device, token, new=True)


async def find(app: App, user_id: int, device_token: str | None) -> Device | None:
    """The user's device that a token belongs to: for what is decided before a session begins."""
    return await _known(app, user_id, device_token).first() if device_token else None


def is_token_of(app: App, device: Device | None, device_token: str | None) -> bool:
    """Whether a token is that of this very device."""
    if device is None or not device_token or len(device_token) > LENGTHS["device_token"]:
        return False
    return device.key_hash in app.keys.macs("device-token", device_token)


async def seen(app: App, device: Device) -> None:
    """Write down that a device has shown up."""
    await Device.filter(id=device.id).update(last_seen_at=app.clock.now())


async def trust(app: App, device: Device) -> None:
    """Let a device stand for the second factor for 30 days, inside the caller's transaction."""
    device.trusted_until = app.clock.now() + TRUSTED_FOR
    await Device.filter(id=device.id).update(trusted_until=device.trusted_until)


def is_trusted(device: Device, now: datetime) -> bool:
    """Whether a device stands for the second factor at `now`."""
    return device.trusted_until is not None and now < device.trusted_until


async def page_of_user(user_id: int, page: Page) -> Rows[Device]:
    """The devices of a user, the newest first."""
    return await newest_first(Device.filter(user_id=user_id), page)


async def count_of_user(user_id: int) -> int:
    """How many devices a user has."""
    return await Device.filter(user_id=user_id).count()


def circumstances(app: App, device: Device | None, client: Client) -> dict[str, Told]:
    """What a letter tells of something that happened on a device: which, where and when."""
    code = country_code_of(client.ip)
    return {
        label("Device"): _one_line(device.name) if device else phrase("unknown"),
        label("Place"): Country(code) if code else phrase("unknown"),
        label("Time"): app.clock.now(),
    }


def name_of(user_agent: str | None) -> str:
    """A name for people out of a User-Agent header, such as `Firefox on Linux`. The first call takes a tenth second."""
    if not user_agent:
        return UNNAMED
    import ua_parser  # ruff: ignore[import-outside-top-level] -- start time

    agent = user_agent[:LONGEST_AGENT]
    browser, system = ua_parser.parse_user_agent(agent), ua_parser.parse_os(agent)
    found = [part.family for part in (browser, system) if part is not None]
    return " on ".join(found)[: LENGTHS["name"]] or UNNAMED


def _one_line(name: str) -> str:
    """A name that cannot look like further lines of a letter: whoever signs in may choose it."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split()) or UNNAMED


def _known(app: App, user_id: int, device_token: str) -> Any:
    return Device.filter(user_id=user_id, key_hash__in=app.keys.macs("device-token", device_token))
