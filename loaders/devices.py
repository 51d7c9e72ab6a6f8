"""Devices for graph edges."""

from models.devices import Device


async def devices_by_id(ids: list[int]) -> list[Device | None]:
    """The device of each id."""
    rows = {device.id: device for device in await Device.filter(id__in=ids)}
    return [rows.get(pk) for pk in ids]
