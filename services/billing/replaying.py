"""The inbox for administrators: what waits, what was parked or given up, and having it looked into again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import BadUserInput, Forbidden, NotFound
from models.billing import WebhookEvent, WebhookState
from services import access, audit, jobs
from services.access import Permission
from services.audit import Action
from services.billing import inbox
from services.pages import Page, Rows, newest_first

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.sessions import Client


async def page_of_events(actor: User, page: Page, *, state: WebhookState | None) -> tuple[Rows[WebhookEvent], int]:
    """A page of events, the newest first, and how many there are in all. Two queries. Raises Forbidden."""
    _require(actor)
    found = WebhookEvent.all() if state is None else WebhookEvent.filter(state=state)
    return await newest_first(found, page), await found.count()


async def find(event_id: int) -> WebhookEvent | None:
    """An event by its number, for whoever may see events: the caller has asked."""
    return await WebhookEvent.get_or_none(id=event_id)


async def replay(app: App, event_id: int | None, *, actor: User, client: Client) -> WebhookEvent:
    """Have an event looked into again, from the ladder's first step. The provider is asked; its text is not read.

    Raises Forbidden, NotFound, and BadUserInput for an event that there is nothing to look at for.
    """
    _require(actor)
    now = app.clock.now()
    async with app.database.transaction():
        held = WebhookEvent.filter(id=event_id, object_id__not_isnull=True)
        found = await held.update(state=WebhookState.RECEIVED, received_at=now, attempts=0, error=None, payload=None)
        event = await WebhookEvent.get_or_none(id=event_id)
        if event is None:
            raise NotFound
        if not found:
            raise BadUserInput("There is nothing to look at for this event.")
        await inbox.enqueue(app, event.event_id, f"{now.isoformat()}:0")
        await audit.record(
            app,
            Action.WEBHOOK_REPLAYED,
            actor=actor,
            subject=f"WebhookEvent:{event.id}",
            client=client,
            type=event.type,
        )
    await jobs.wake(app)
    return event


def _require(actor: User) -> None:
    if not access.has_permission(actor, Permission.REPLAY_WEBHOOKS):
        raise Forbidden
