"""Devices, and what a client says of its own."""

from dataclasses import replace
from datetime import datetime

import strawberry

from core.cursors import encode_id
from models.devices import Device as DeviceRow
from schema.connections import PageInfo, cursor_by_id
from schema.context import Context, Info
from schema.nodes import Node
from services import devices
from services.pages import Rows


@strawberry.input(description="What a client says of its device.")
class DeviceInput:
    """All of it optional; the token is what recognises a device."""

    device_token: str | None = strawberry.field(default=None, description="From an earlier sign-in on this device.")
    fingerprint: str | None = strawberry.field(default=None, description="Any stable mark, up to 128 characters.")
    name: str | None = strawberry.field(default=None, description="Name for people, such as `Firefox on Linux`.")
    platform: str | None = strawberry.field(default=None, description="Operating system or app platform.")
    locale: str | None = strawberry.field(default=None, description="BCP 47 tag, such as `de-AT`.")
    timezone: str | None = strawberry.field(default=None, description="IANA name, such as `Europe/Vienna`.")

    def described(self) -> devices.Description:
        """The description as services take it. Raises BadUserInput."""
        return devices.Description(
            device_token=self.device_token,
            fingerprint=self.fingerprint,
            name=self.name,
            platform=self.platform,
            locale=self.locale,
            timezone=self.timezone,
        )


def device_of(context: Context, said: DeviceInput | None) -> devices.Description | None:
    """What the client says of its device, with the token that its cookie keeps in cookie mode. Raises BadUserInput."""
    kept = context.cookies.device if context.cookies else None
    if said is None:
        return devices.Description(device_token=kept) if kept else None
    description = said.described()
    return description if description.device_token or not kept else replace(description, device_token=kept)


@strawberry.type(description="A browser or an app that a user has signed in from.")
class Device(Node):
    """A device as its owner sees it."""

    name: str = strawberry.field(description="What the client called itself, or what its browser and system are.")
    platform: str | None = strawberry.field(description="Operating system or app platform, as the client said.")
    trusted: bool = strawberry.field(description="Whether it stands for the second factor: for 30 days when asked to.")
    first_seen_at: datetime = strawberry.field(description="Its first sign-in.")
    last_seen_at: datetime = strawberry.field(description="Its last sign-in or refresh.")

    @classmethod
    def of(cls, row: DeviceRow, now: datetime) -> "Device":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("Device", row.id)),
            name=row.name,
            platform=row.platform,
            trusted=devices.is_trusted(row, now),
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
        )


@strawberry.type(description="A device in its place.")
class DeviceEdge:
    """An edge of `devices`."""

    cursor: str = strawberry.field(description="The device's place.")
    node: Device = strawberry.field(description="The device.")


@strawberry.type(description="A page of devices.")
class DeviceConnection:
    """A user's devices, the newest first."""

    edges: list[DeviceEdge] = strawberry.field(description="The devices.")
    page_info: PageInfo = strawberry.field(description="What lies beyond.")
    owner: strawberry.Private[int]

    @strawberry.field(description="How many devices the user has.")
    async def total_count(self) -> int:
        return await devices.count_of_user(self.owner)

    @classmethod
    def of(cls, page: Rows[DeviceRow], owner: int, now: datetime) -> "DeviceConnection":
        """The page as the API tells it."""
        edges = [DeviceEdge(cursor=cursor_by_id(row), node=Device.of(row, now)) for row in page.rows]
        return cls(edges=edges, page_info=PageInfo.by_id(page), owner=owner)


async def device_by_id(device_id: int | None, info: Info) -> Device | None:
    """The device of an edge."""
    row = await info.context.loaders.device_by_id.load(device_id) if device_id is not None else None
    return Device.of(row, info.context.now) if row else None
