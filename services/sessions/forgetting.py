"""Devices that go, and the sessions that go with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import NotFound
from models.devices import Device
from models.one_time_tokens import Purpose
from models.sessions import Session
from services import audit, one_time_tokens
from services.audit import Action
from services.sessions.ending import end, tell_of
from services.sessions.life import standing
from services.sessions.refreshing import InvalidToken

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions.life import Client

MOST_DEVICES = 100
"""Devices that one user may have."""


async def forget_device(app: App, viewer: Viewer, device_id: int | None, client: Client) -> None:
    """Delete one of the viewer's devices and end its sessions. Raises NotFound."""
    if device_id is None:
        raise NotFound
    async with app.database.transaction():
        if not await _forget(app, viewer.user.id, [device_id], reason="DEVICE_FORGOTTEN"):
            raise NotFound
        await audit.record(
            app, Action.DEVICE_FORGOTTEN, actor=viewer.user, subject=f"Device:{device_id}", client=client
        )
    await tell_of(app, viewer.user.id)


async def make_room(app: App, user_id: int) -> None:
    """Forget the devices that are too many for one user, inside the caller's transaction.

    Those without a standing session go first, and of them those that were seen longest ago. Call it once the new
    device has its session. Open sockets of a session that ends here are found by the next review.
    """
    if await Device.filter(user_id=user_id).count() <= MOST_DEVICES:
        return
    known = [device.id for device in await Device.filter(user_id=user_id).order_by("last_seen_at", "id").only("id")]
    theirs = Session.filter(standing(app.clock.now()), user_id=user_id, device_id__isnull=False)
    used = {session.device_id for session in await theirs.only("id", "device_id")}
    leaving = sorted(known, key=lambda device_id: device_id in used)[: len(known) - MOST_DEVICES]
    await _forget(app, user_id, leaving, reason="DEVICE_FORGOTTEN")


async def report_by_token(app: App, token: str, client: Client) -> bool:
    """End the session that a letter's link says was not the owner's, and forget its device. True when that is done.

    It works once. Raises InvalidToken.
    """
    found = await one_time_tokens.find(app, Purpose.REPORT_SIGN_IN, token)
    if found is None or found.user is None:
        raise InvalidToken
    user = found.user
    async with app.database.transaction():
        if not await one_time_tokens.spend(app, found):
            raise InvalidToken
        session = await Session.get_or_none(id=found.data["session"], user_id=user.id)
        if session is not None:
            await end(app, Session.filter(id=session.id), reason="REPORTED")
            if session.device_id is not None:
                await _forget(app, user.id, [session.device_id], reason="REPORTED")
        subject = f"Session:{session.id}" if session else None
        await audit.record(app, Action.SESSION_REPORTED, user_id=user.id, subject=subject, client=client)
    await tell_of(app, user.id)
    return True


async def _forget(app: App, user_id: int, device_ids: list[int], *, reason: str) -> int:
    """End the sessions of devices and delete these; how many they were."""
    await end(app, Session.filter(user_id=user_id, device_id__in=device_ids), reason=reason)
    return await Device.filter(user_id=user_id, id__in=device_ids).delete()
