"""Looking into what the inbox holds: the object is asked for as it is now, and one answer settles all its events."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from tortoise.expressions import F

from adapters.payments import INVOICE, SUBSCRIPTION, invoice_of, subscription_of
from core.errors import Unavailable
from models.billing import WebhookEvent, WebhookState
from services.billing import inbox, pacing
from services.billing.applying import Stamp, write_invoice, write_subscription

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App

LADDER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240, 480))
"""How long an event waits after each failure; after one more than these it is given up."""
LONGEST_ERROR = 500
NOBODY_HERE = "Its customer is nobody here."
"""Why an event is parked that is about somebody who has deleted their account, or of an account that is shared."""

log = structlog.get_logger(__name__)


async def apply(app: App, payload: dict[str, Any]) -> None:
    """Look into an event, unless another one about the same object was quicker. Doing it twice is once.

    A failure puts the event back for a minute, and at last for eight hours; then it is a dead letter.
    """
    event = await WebhookEvent.get_or_none(event_id=payload["event"])
    if event is None or event.state is not WebhookState.RECEIVED or event.object_id is None:
        return
    async with app.billing_turns.setdefault(event.object_id, asyncio.Lock()):
        waiting = await WebhookEvent.filter(object_id=event.object_id, state=WebhookState.RECEIVED).order_by("id")
        if event.id not in {each.id for each in waiting}:
            return
        try:
            state = await look(app, str(event.object_kind), event.object_id)
        except Unavailable as error:
            await _believe(app, waiting)
            await _postpone(app, event, error)
        except Exception as error:  # ruff: ignore[blind-except] -- one event's fault is not that of its neighbours
            await _postpone(app, event, error)
        else:
            await settle(app, waiting, state)


async def look(app: App, kind: str, object_id: str) -> WebhookState:
    """Ask for an object and write down what it is; PARKED when its customer is nobody here. Raises Unavailable."""
    await pacing.turn(app)
    at = app.clock.now()
    if kind == SUBSCRIPTION:
        subscription = await app.payments.subscription(object_id)
        known = subscription is None or await write_subscription(app, subscription, Stamp(at)) is not None
    else:
        invoice = await app.payments.invoice(object_id)
        known = invoice is None or await write_invoice(app, invoice, Stamp(at)) is not None
    return WebhookState.DONE if known else WebhookState.PARKED


async def settle(app: App, events: Sequence[WebhookEvent], state: WebhookState) -> None:
    """Events that have been looked into; what they hold is forgotten, for it may name people."""
    error = NOBODY_HERE if state is WebhookState.PARKED else None
    held = WebhookEvent.filter(id__in=[event.id for event in events], state=WebhookState.RECEIVED)
    await held.update(state=state, error=error, payload=None)
    if state is WebhookState.PARKED:
        app.metrics.webhooks.labels("parked").inc(len(events))


async def _believe(app: App, events: Sequence[WebhookEvent]) -> None:
    """Take events at their word while the provider gives no answer, in the order in which it made them."""
    for event in sorted(events, key=lambda event: (event.created_at, event.id)):
        try:
            await _believe_one(app, json.loads(event.payload or "{}"), Stamp(event.created_at, is_event=True))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("webhooks.unreadable", event_id=event.event_id, reason=type(error).__name__)


async def _believe_one(app: App, shape: Any, stamp: Stamp) -> None:
    content = shape["data"]["object"]
    if content["object"] == SUBSCRIPTION:
        await write_subscription(app, subscription_of(content), stamp)
    elif content["object"] == INVOICE:
        await write_invoice(app, invoice_of(content), stamp)


async def _postpone(app: App, event: WebhookEvent, error: Exception) -> None:
    """Put an event back, or to rest when it was in vain too often; one step of the ladder however many try it."""
    hopeless = event.attempts >= len(LADDER)
    state = WebhookState.DEAD if hopeless else WebhookState.RECEIVED
    reason = f"{type(error).__name__}: {error}"[:LONGEST_ERROR].replace("\0", "").encode(errors="replace").decode()
    async with app.database.transaction():
        held = WebhookEvent.filter(id=event.id, state=WebhookState.RECEIVED, attempts=event.attempts)
        counted = await held.update(attempts=F("attempts") + 1, error=reason, state=state)
        if counted and not hopeless:
            due_at = app.clock.now() + LADDER[event.attempts]
            await inbox.enqueue(app, event.event_id, f"{event.received_at.isoformat()}:{event.attempts + 1}", due_at)
    trace = None if isinstance(error, Unavailable) else error
    level = log.error if hopeless or trace else log.warning
    level("webhooks.failed", event_id=event.event_id, attempts=event.attempts + 1, dead=hopeless, exc_info=trace)
