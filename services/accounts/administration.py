"""What administrators and support do with accounts: roles, suspending, restoring.

Who may is decided in the transaction, over rows that are locked: two administrators who demote each other at the same
moment leave one.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tortoise.expressions import Q

from core.emails import email_key
from core.errors import BadUserInput, Forbidden, NotFound, Refusal
from models.accounts import Role, User
from services import access, audit, jobs, notifications, sessions
from services.access import Permission
from services.audit import Action
from services.notifications import Notice

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client


class LastAdministrator(Refusal):
    """Nobody else could administer Porchlight."""

    message = "This is the last administrator. Give somebody else the role first."


class AccountClosed(BadUserInput):
    """The account is suspended, or going to be deleted: it gets no role."""

    message = "This account is suspended or is going to be deleted: it gets no role."


class AddressNotProven(BadUserInput):
    """Nobody has shown that the account's owner reads its address: somebody else may have registered with it."""

    message = "The address of this account has not been proven."


async def assign_role(app: App, user_id: int, role: Role, *, actor: User, client: Client) -> User:
    """Give a user another role, and sign them out everywhere. The role that they have already changes nothing.

    A closed account gets no role; that of one who is suspended may be taken away. Raises NotFound, Forbidden,
    LastAdministrator, AccountClosed.
    """
    async with app.database.transaction():
        staff = await _locked(user_id, actor.id)
        _require(staff[actor.id], Permission.ASSIGN_ROLES)
        user = _found(staff, user_id)
        changes = user.role is not role
        if changes:
            if role is not Role.USER:
                _require_open(user)
            if role is not Role.ADMIN:
                _require_another_administrator(staff, user)
            await _assign(app, user, role, actor=actor, client=client)
    if changes:
        await _tell(app, user)
    return user


async def suspend(app: App, user_id: int, *, reason: str, actor: User, client: Client) -> User:
    """Close an account and sign it out everywhere. Suspending it twice changes nothing.

    Raises NotFound, Forbidden, LastAdministrator.
    """
    async with app.database.transaction():
        staff = await _locked(user_id, actor.id)
        user = _reachable(staff, user_id, actor)
        changes = user.suspended_at is None
        if changes:
            _require_another_administrator(staff, user)
            user.suspended_at = app.clock.now()
            await user.save(update_fields=["suspended_at"])
            await sessions.revoke_all(app, user.id, reason="SUSPENDED")
            await _record(app, Action.SUSPENDED, user, actor=actor, client=client, reason=reason)
            await _notify(app, user, Notice.SUSPENDED)
    if changes:
        await _tell(app, user)
    return user


async def restore(app: App, user_id: int, *, actor: User, client: Client) -> User:
    """Open a suspended account again. Restoring one that is open changes nothing. Raises NotFound, Forbidden."""
    async with app.database.transaction():
        staff = await _locked(user_id, actor.id)
        user = _reachable(staff, user_id, actor)
        changes = user.suspended_at is not None
        if changes:
            user.suspended_at = None
            await user.save(update_fields=["suspended_at"])
            await _record(app, Action.RESTORED, user, actor=actor, client=client)
            await _notify(app, user, Notice.RESTORED)
    if changes:
        await _tell(app, user)
    return user


async def make_administrator(app: App, email: str) -> User:
    """Give the role ADMIN to a registered user, from the machine that runs the server.

    Raises NotFound, AccountClosed, AddressNotProven: the operator means whoever reads the address, and anybody can
    register with it.
    """
    async with app.database.transaction():
        user = await User.filter(email_key=email_key(email)).select_for_update().first()
        if user is None:
            raise NotFound
        _require_open(user)
        if user.email_verified_at is None:
            raise AddressNotProven
        changes = user.role is not Role.ADMIN
        if changes:
            await _assign(app, user, Role.ADMIN)
    if changes:
        await _tell(app, user)
    return user


async def _locked(*user_ids: int) -> dict[int, User]:
    """These users and all administrators, locked in one order, so that two who do this wait and never deadlock.

    What another transaction has changed meanwhile is seen as it is now.
    """
    rows = User.filter(Q(id__in=user_ids) | Q(role=Role.ADMIN)).order_by("id").select_for_update()
    return {user.id: user for user in await rows}


def _found(rows: dict[int, User], user_id: int) -> User:
    if user_id not in rows:
        raise NotFound
    return rows[user_id]


def _reachable(rows: dict[int, User], user_id: int, actor: User) -> User:
    """The user, whom the actor may suspend and restore. One who is out of reach is as one who is not there."""
    _require(rows[actor.id], Permission.SUSPEND_USERS)
    user = _found(rows, user_id)
    if access.is_staff(user) and not access.has_permission(rows[actor.id], Permission.SUSPEND_STAFF):
        raise NotFound
    return user


def _require(actor: User, permission: Permission) -> None:
    """The actor as they are now: they may have lost the role since the request began."""
    if actor.suspended_at is not None or not access.has_permission(actor, permission):
        raise Forbidden


def _require_open(user: User) -> None:
    if user.suspended_at is not None or user.deletion_at is not None:
        raise AccountClosed


def _require_another_administrator(staff: dict[int, User], user: User) -> None:
    others = (other for other in staff.values() if other.id != user.id)
    if _administers(user) and not any(map(_administers, others)):
        raise LastAdministrator


def _administers(user: User) -> bool:
    return user.role is Role.ADMIN and user.suspended_at is None and user.deletion_at is None


async def _assign(app: App, user: User, role: Role, *, actor: User | None = None, client: Client | None = None) -> None:
    before, user.role = user.role, role
    await user.save(update_fields=["role"])
    await sessions.revoke_all(app, user.id, reason="ROLE_CHANGED")
    await _record(app, Action.ROLE_ASSIGNED, user, actor=actor, client=client, **{"from": before, "to": role})
    await _notify(app, user, Notice.ROLE_CHANGED)


async def _record(
    app: App, action: Action, user: User, *, actor: User | None, client: Client | None, **data: str
) -> None:
    await audit.record(app, action, actor=actor, user_id=user.id, subject=f"User:{user.id}", client=client, **data)


async def _notify(app: App, user: User, notice: Notice) -> None:
    # The locked row has decided that this happens once; when it happens again, that is another letter.
    await notifications.notify(app, user.id, notice, dedup_key=f"{user.id}.{secrets.token_hex(8)}")


async def _tell(app: App, user: User) -> None:
    await sessions.tell_of(app, user.id)
    await jobs.wake(app)
