"""The inbox: an event of the provider is written down with the job that looks into it, before it is answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog
from tortoise.exceptions import IntegrityError

from adapters.payments import API_VERSION, SIMULATED_SECRET, event_of, is_signed
from core.errors import PorchlightError
from models.billing import WebhookEvent, WebhookState
from services import jobs

if TYPE_CHECKING:
    from datetime import datetime

    from adapters.payments import EventSnapshot
    from services.app import App

APPLY = "billing.apply"
LIVE_KEYS = ("sk_live_", "rk_live_")

log = structlog.get_logger(__name__)


class NotOurs(PorchlightError):
    """The request is not an event that the provider has signed within five minutes of our clock."""

    message = "This is no event with a valid signature of the last five minutes."


async def receive(app: App, body: bytes, header: str) -> None:
    """Write an event down, once however often it comes. Raises NotOurs, with nothing written."""
    if not is_signed(body, header, secrets_of(app), app.clock.now()):
        app.metrics.webhooks.labels("refused").inc()
        log.warning("webhooks.refused")
        raise NotOurs
    try:
        event = event_of(json.loads(body))
        text = body.decode()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        app.metrics.webhooks.labels("refused").inc()
        log.warning("webhooks.unreadable", reason=type(error).__name__)
        raise NotOurs("The signature is right, and this is no event.") from error
    outcome = await keep(app, event, text)
    log.info("webhooks.received", event_id=event.id, type=event.type, outcome=outcome)


async def keep(app: App, event: EventSnapshot, text: str | None) -> str:
    """Write an event down with its job, in one transaction; what it was: received, parked or repeated.

    Without its text it is not read but for what it is about, so that it may be of any version.
    """
    row = _row(app, event, text)
    try:
        async with app.database.transaction():
            await row.save()
            if row.state is WebhookState.RECEIVED:
                await enqueue(app, row.event_id, "0")
    except IntegrityError:
        outcome = "repeated"
    else:
        outcome = "parked" if row.state is WebhookState.PARKED else "received"
        await jobs.wake(app)
    app.metrics.webhooks.labels(outcome).inc()
    return outcome


async def enqueue(app: App, event_id: str, turn: str, due_at: datetime | None = None) -> None:
    """Write the job that looks into an event, inside the caller's transaction; one for each `turn`."""
    await jobs.enqueue(app, APPLY, {"event": event_id}, dedup_key=f"{APPLY}:{event_id}:{turn}", due_at=due_at)


def secrets_of(app: App) -> tuple[str, ...]:
    """The secrets that may have signed a webhook: our own server's has a known one where none is set."""
    simulated = app.settings.payments_url.startswith("simulated")
    return app.settings.stripe_webhook_secret or ((SIMULATED_SECRET,) if simulated else ())


def _row(app: App, event: EventSnapshot, text: str | None) -> WebhookEvent:
    """What is of another mode or version than ours is parked; what there is nothing to look at for is done."""
    problem = _problem(app, event, is_read=text is not None)
    looked_at = event.object_id is not None
    state = WebhookState.PARKED if problem else WebhookState.RECEIVED if looked_at else WebhookState.DONE
    return WebhookEvent(
        event_id=event.id,
        type=event.type[:100],
        api_version=event.api_version,
        object_kind=event.object_kind,
        object_id=event.object_id,
        customer_id=event.customer_id,
        created_at=event.created,
        received_at=app.clock.now(),
        state=state,
        payload=None if state is WebhookState.DONE else text,
        error=problem,
    )


def _problem(app: App, event: EventSnapshot, *, is_read: bool) -> str | None:
    """Why nobody should act on an event as it is; None for most."""
    if event.livemode != app.settings.stripe_api_key.startswith(LIVE_KEYS):
        return "It is of the provider's live mode, and we are not." if event.livemode else "It is a test, and we live."
    if is_read and event.api_version != API_VERSION:
        return f"It is of API version {str(event.api_version)[:50]}; ours is {API_VERSION}."
    return None
