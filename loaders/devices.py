"""Devices for graph edges."""

from adapters.database import found_by
from models.devices import Device


async def devices_by_id(ids: list[int]) -> list[Device | None]:
    """The device of each id."""
    rows = {device.id: device for device in await found_by(Device, "id", ids)}
    return [rows.get(pk) for pk in ids]
