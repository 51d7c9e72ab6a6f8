"""Trusted devices: for 30 days they stand for the second factor at sign-in, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.devices import Device
from models.one_time_tokens import Purpose
from services import audit, devices, one_time_tokens
from services.audit import Action

if TYPE_CHECKING:
    from models.accounts import User
    from models.sessions import Session
    from services.app import App
    from services.devices import Description
    from services.sessions import Client


async def is_trusted(app: App, user: User, said: Description | None) -> bool:
    """Whether this user's device with this token is trusted. What a client says beside its token counts nothing."""
    if said is None or not said.device_token:
        return False
    device = await devices.find(app, user.id, said.device_token)
    return device is not None and devices.is_trusted(device, app.clock.now())


async def trust(app: App, user: User, session: Session, client: Client) -> None:
    """Trust the session's device from now on, inside the caller's transaction."""
    await devices.trust(app, await Device.get(id=session.device_id))
    await audit.record(app, Action.DEVICE_TRUSTED, actor=user, subject=f"Device:{session.device_id}", client=client)


async def distrust_all(user_id: int) -> None:
    """Ask for the second factor again on each of the user's devices."""
    await Device.filter(user_id=user_id, trusted_until__isnull=False).update(trusted_until=None)


async def forget_what_rested_on_factors(app: App, user_id: int) -> None:
    """End what was given for other factors than the account has now, inside the transaction that changes them.

    Trusted devices, half sessions, and passkeys that are being added: those were begun with what was enough before.
    """
    await distrust_all(user_id)
    await one_time_tokens.void(app, user_id, Purpose.MFA, Purpose.ENROLL_PASSKEY)
