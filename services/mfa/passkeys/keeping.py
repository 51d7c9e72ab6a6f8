"""What owners do with their passkeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import BadUserInput, NotFound
from models.accounts import User
from models.mfa import Passkey, RecoveryCode
from services import audit, jobs, notifications
from services.audit import Action
from services.holding import hold
from services.mfa.factors import has_factor, require_dispensable
from services.mfa.passkeys.names import cleaned
from services.mfa.trusting import forget_what_rested_on_factors
from services.notifications import Notice

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client


async def find(passkey_id: int) -> Passkey | None:
    """One passkey, whoever's it is."""
    return await Passkey.get_or_none(id=passkey_id)


async def rename(user: User, passkey_id: int | None, name: str) -> Passkey:
    """Call a passkey of the user's something else. Raises NotFound, BadUserInput."""
    written = cleaned(name)
    if written is None:
        raise BadUserInput("name is empty.")
    if passkey_id is None or not await Passkey.filter(id=passkey_id, user_id=user.id).update(name=written):
        raise NotFound
    return await Passkey.get(id=passkey_id)


async def remove(app: App, user: User, passkey_id: int | None, client: Client) -> None:
    """Take a passkey of the user's away; recovery codes go with the last second factor.

    Raises NotFound, and BadUserInput for the last factor of who may not be without one.
    """
    if passkey_id is None:
        raise NotFound
    async with app.database.transaction():
        await hold(user.id)
        if not await Passkey.filter(id=passkey_id, user_id=user.id).delete():
            raise NotFound
        await forget_what_rested_on_factors(app, user.id)
        if not await has_factor(user.id):
            require_dispensable(await User.get(id=user.id))
            await RecoveryCode.filter(user_id=user.id).delete()
        subject = f"Passkey:{passkey_id}"
        await audit.record(app, Action.PASSKEY_REMOVED, actor=user, subject=subject, client=client)
        await notifications.notify(app, user.id, Notice.FACTOR_REMOVED, dedup_key=f"passkey-{passkey_id}")
    await jobs.wake(app)
