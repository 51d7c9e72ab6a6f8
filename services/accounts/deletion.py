"""Deleting an account: asked for by its owner, called off within two weeks, then done by a job."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from core.errors import BadUserInput, Unauthenticated
from models.accounts import Role, User
from models.one_time_tokens import OneTimeToken, Purpose
from models.trials import Trial
from services import access, attempts, audit, fraud, jobs, notifications, one_time_tokens, sessions, trials
from services.accounts.signing_in import InvalidCredentials
from services.analytics.figures import trials as figures
from services.audit import Action
from services.billing import forgetting, leaving
from services.languages import label
from services.notifications import Notice
from services.sessions import InvalidToken

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client

DELETION = "account.deletion"
GRACE = timedelta(days=14)
"""How long an owner may think better of it."""

log = structlog.get_logger(__name__)


async def request_deletion(app: App, viewer: Viewer, password: str | None, client: Client) -> datetime:
    """When the viewer's account will be deleted. All other sessions end; asking twice changes nothing.

    Raises InvalidCredentials for a password that is given and wrong, BadUserInput for staff.
    """
    user: User | None = viewer.user
    if password is not None and not await attempts.confirm(app, viewer.user, password, client):
        raise InvalidCredentials
    at = (app.clock.now() + GRACE).replace(microsecond=0)
    while user is not None:
        _require_no_role(user)
        if user.deletion_at is not None:
            return user.deletion_at
        if await _begin(app, viewer, at, client):
            return at
        user = await User.get_or_none(id=viewer.user.id)
    raise Unauthenticated


async def cancel_deletion(app: App, viewer: Viewer, client: Client) -> bool:
    """Keep the viewer's account; whether it was going to be deleted."""
    async with app.database.transaction():
        kept = await _keep(app, viewer.user, client)
    if kept:
        await sessions.tell_of(app, viewer.user.id)
    await jobs.wake(app)
    return kept


async def cancel_deletion_by_token(app: App, token: str, client: Client) -> None:
    """Keep the account that a letter asks about. Raises InvalidToken, also when that request does not stand."""
    row = await one_time_tokens.find(app, Purpose.CANCEL_DELETION, token)
    if row is None or row.user is None:
        raise InvalidToken
    asked_about = datetime.fromisoformat(row.data["deletion_at"])
    async with app.database.transaction():
        if not (await one_time_tokens.spend(app, row) and await _keep(app, row.user, client, deletion_at=asked_about)):
            raise InvalidToken
    await sessions.tell_of(app, row.user.id)
    await jobs.wake(app)


async def delete(app: App, payload: dict[str, Any]) -> None:
    """Delete the account and what belongs to it, if the request stands and its time has come. Doing it twice is once.

    The claim of the trial stays, and so do audit events, which name the account by its number.
    """
    user_id, at = payload["user_id"], datetime.fromisoformat(payload["deletion_at"])
    async with app.database.transaction():
        due = User.filter(id=user_id, deletion_at=at, deletion_at__lte=app.clock.now())
        if not await due.update(deletion_at=at):  # from here on nobody can call it off
            return
        await _erase(app, await User.get(id=user_id))
    await sessions.tell_of(app, user_id)
    await jobs.wake(app)
    log.info("account.deleted", user_id=user_id)


async def _begin(app: App, viewer: Viewer, at: datetime, client: Client) -> bool:
    """Set the time and everything that follows from it; false when another request or a role came in between."""
    user = viewer.user
    async with app.database.transaction():
        changed = await User.filter(id=user.id, deletion_at=None, role=Role.USER).update(deletion_at=at)
        if changed:
            moment = {"deletion_at": at.isoformat()}
            await sessions.revoke_all(app, user.id, reason="DELETION_REQUESTED", keep=viewer.session)
            await audit.record(app, Action.DELETION_REQUESTED, actor=user, client=client, deletion_at=at.isoformat())
            await notifications.notify(
                app,
                user.id,
                Notice.DELETION_REQUESTED,
                dedup_key=f"{user.id}.{at:%Y%m%d%H%M%S}",
                details={label("It will be deleted"): at, **notifications.WHAT_STAYS},
                token_data=moment,
            )
            key = _key(user.id, at)
            deletion = jobs.job(app, DELETION, {"user_id": user.id, **moment}, dedup_key=key, due_at=at)
            await jobs.enqueue_all([deletion, leaving.begin(app, user.id, at, key)])
    if changed:
        await sessions.tell_of(app, user.id)
        await jobs.wake(app)
    return bool(changed)


async def _keep(app: App, user: User, client: Client, **request: datetime) -> bool:
    """Take the request back while there is time, inside the caller's transaction; whether there was one."""
    found = await User.filter(id=user.id, deletion_at__gt=app.clock.now(), **request).first()
    if found is None or found.deletion_at is None:
        return False
    if not await User.filter(id=user.id, deletion_at=found.deletion_at).update(deletion_at=None):
        return False
    await leaving.call_off(app, user.id, _key(user.id, found.deletion_at))
    await one_time_tokens.void(app, user.id, Purpose.CANCEL_DELETION)
    await audit.record(app, Action.DELETION_CANCELED, actor=user, client=client)
    return True


async def _erase(app: App, user: User) -> None:
    """Delete the user's rows, inside the caller's transaction. Most of them go with the user's own."""
    await figures.depart(app, user.id)
    trial = await Trial.get_or_none(user_id=user.id)
    if trial is not None:
        await trials.claim(app, user.id, trial.person_key)
    await OneTimeToken.filter(address=user.email_key).delete()
    await jobs.forget(app, user, but=DELETION)
    await fraud.forget(user)
    await forgetting.forget(app, user)
    await notifications.farewell(app, user)
    await audit.record(app, Action.DELETED, user_id=user.id)
    await User.filter(id=user.id).delete()


def _key(user_id: int, at: datetime) -> str:
    """The key of a deletion's job."""
    return f"{DELETION}:{user_id}:{at.isoformat()}"


def _require_no_role(user: User) -> None:
    if access.is_staff(user):
        raise BadUserInput("This account has a role. Give the role back first, then delete the account.")
