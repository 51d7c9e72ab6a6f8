"""Reconciliation: what webhooks have not told is asked for, page by page, and each thing that it mends is counted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from adapters.payments import event_of
from models.billing import BillingCustomer, PlanSubscription, WebhookEvent, WebhookState
from models.jobs import Job
from services import jobs
from services.billing import inbox
from services.billing.applying import Stamp, write_subscription, write_vanished
from services.billing.standing import OVER

if TYPE_CHECKING:
    from adapters.payments import SubscriptionSnapshot
    from services.app import App

EVENTS = "billing.reconcile_events"
SUBSCRIPTIONS = "billing.reconcile_subscriptions"
UNSEEN = "billing.reconcile_unseen"
LOOKS_BACK = timedelta(days=4)
"""For events that were not delivered: the provider itself tries for three days."""
PATIENCE = timedelta(days=2)
"""After which an event without a job is a dead letter: the ladder takes a day."""
BATCH = 20
"""Subscriptions of ours that one job asks for, one by one."""
COMPARED = ("status", "plan_key", "cancel_at_period_end", "period_end")
"""What is called drift when it differs; the first one that does gives it its name."""

log = structlog.get_logger(__name__)


async def reconcile_events(app: App, payload: dict[str, Any]) -> None:
    """Write down what was not delivered in the last four days: a page, and then a job for the next. Hourly.

    Such an event is not read but for what it is about: the object is asked for. Raises Unavailable.
    """
    if not await BillingCustomer.exists():
        return
    begun, after = payload.get("begun", app.clock.now().isoformat()), payload.get("after")
    if after is None:
        await _bury(app)
    texts, further = await app.payments.undelivered_events(app.clock.now() - LOOKS_BACK, after)
    for text in texts:
        event = event_of(json.loads(text))
        if await inbox.keep(app, event, None) == "received":
            _drifted(app, "event", event.id, type=event.type)
    await _go_on(app, EVENTS, further, begun)


async def reconcile_subscriptions(app: App, payload: dict[str, Any]) -> None:
    """Compare all subscriptions of the provider that are not over with ours: a page, and then a job for the next.

    Ours that it has not told of are asked for afterwards. Nightly. Raises Unavailable.
    """
    if not await BillingCustomer.exists():
        return
    begun = payload.get("begun", app.clock.now().isoformat())
    at = app.clock.now()
    rows, further = await app.payments.live_subscriptions(payload.get("after"))
    ours = [await _compare(app, snapshot, at) for snapshot in rows]
    seen = payload.get("seen", False) or any(ours)
    await _go_on(app, SUBSCRIPTIONS, further, begun, seen=seen)
    if further is None:
        await _go_on(app, UNSEEN, "0", begun, seen=seen)


async def reconcile_unseen(app: App, payload: dict[str, Any]) -> None:
    """Ask for our subscriptions that the comparison has not seen: they are over, or were never. Raises Unavailable.

    A provider that tells of nothing of ours, or knows none of several, is rather another account's than right: a wrong
    key looks like that. Then nothing is written.
    """
    begun = datetime.fromisoformat(payload["begun"])
    ours = PlanSubscription.filter(applied_at__lt=begun, id__gt=int(payload["after"])).exclude(status__in=OVER)
    rows = await ours.order_by("id").limit(BATCH)
    vanished: list[tuple[PlanSubscription, datetime]] = []
    for row in rows:
        at = app.clock.now()
        snapshot = await app.payments.subscription(row.provider_id)
        if snapshot is None:
            vanished.append((row, at))
        else:
            await _compare(app, snapshot, at)
    seen = payload.get("seen", False)
    believed = seen and (len(rows) == 1 or len(vanished) < len(rows))
    for row, at in vanished:
        await _vanished(app, row, at, believed=believed)
    further = str(rows[-1].id) if len(rows) == BATCH else None
    await _go_on(app, UNSEEN, further, payload["begun"], seen=seen)


async def _compare(app: App, snapshot: SubscriptionSnapshot, at: datetime) -> bool:
    """Apply an answer, and count what it has mended; whether it is about somebody here."""
    before = await PlanSubscription.get_or_none(provider_id=snapshot.id)
    old = {} if before is None else {name: getattr(before, name) for name in COMPARED}
    row = await write_subscription(app, snapshot, Stamp(at))
    if row is None:
        return False
    if not old:
        _drifted(app, "missing", row.provider_id)
        return True
    differing = [name for name in COMPARED if getattr(row, name) != old[name]]
    if differing:
        was, now = str(old[differing[0]]), str(getattr(row, differing[0]))
        _drifted(app, differing[0], row.provider_id, was=was, now=now)
    return True


async def _vanished(app: App, row: PlanSubscription, at: datetime, *, believed: bool) -> None:
    """The provider knows nothing of it, as when its test data was deleted: nobody pays for it."""
    if not believed:
        _drifted(app, "vanished_refused", row.provider_id)
    elif await write_vanished(app, row, at):
        _drifted(app, "vanished", row.provider_id)


async def _bury(app: App) -> None:
    """Show as dead what was received and has no job any more: each attempt had ended with its worker."""
    old = await WebhookEvent.filter(state=WebhookState.RECEIVED, received_at__lt=app.clock.now() - PATIENCE)
    for event in old:
        if not await Job.exists(dedup_key__startswith=f"{inbox.APPLY}:{event.event_id}:", due_at__not_isnull=True):
            held = WebhookEvent.filter(id=event.id, state=WebhookState.RECEIVED)
            await held.update(state=WebhookState.DEAD, error=event.error or "Each attempt ended with its worker.")
            _drifted(app, "stuck", event.event_id)


async def _go_on(app: App, kind: str, after: str | None, begun: str, **more: bool) -> None:
    """Write the job of the next page, if there is one: it may take more time than one job has."""
    if after is not None:
        payload = {"after": after, "begun": begun, **more}
        await jobs.enqueue(app, kind, payload, dedup_key=f"{kind}:{begun}:{after}"[:200])
        await jobs.wake(app)


def _drifted(app: App, what: str, subject: str, **more: str) -> None:
    app.metrics.drift.labels(what).inc()
    log.warning("billing.drift", what=what, subject=subject, **more)
