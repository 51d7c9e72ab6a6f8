"""The audit log: what happened to accounts, written in the transactions that cause it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from models.audit import AuditEvent

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.sessions import Client


class Action(StrEnum):
    """What is written down, by the name that `auditEvents(action:)` filters by."""

    REGISTERED = "account.registered"
    SIGNED_IN = "account.signed_in"


async def record(
    app: App,
    action: Action,
    *,
    actor: User | None = None,
    user_id: int | None = None,
    subject: str | None = None,
    client: Client | None = None,
    **data: Any,
) -> None:
    """Write one event, inside the caller's transaction where there is one.

    `user_id` is whose account it concerns, the actor's own by default; `subject` is `Type:key`. `data` holds names of
    states and numbers, never a secret, and an address or a name only where it is what changed.
    """
    actor_id = actor.id if actor else None
    await AuditEvent.create(
        action=action,
        actor_id=actor_id,
        user_id=actor_id if user_id is None else user_id,
        subject=subject,
        ip=client.ip if client else None,
        at=app.clock.now(),
        data=data,
    )
