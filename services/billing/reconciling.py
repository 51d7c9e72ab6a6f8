"""Reconciliation: what webhooks have not told is asked for, page by page, and each thing that it mends is counted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from tortoise.expressions import Q

from adapters.payments import Unreadable, event_of
from models.billing import BillingCustomer, PlanSubscription, WebhookEvent, WebhookState
from models.jobs import Job
from services import jobs
from services.billing import inbox, pacing
from services.billing.applying import Stamp, write_subscription, write_vanished
from services.billing.standing import OVER

if TYPE_CHECKING:
    from adapters.payments import SubscriptionSnapshot
    from services.app import App

EVENTS = "billing.reconcile_events"
SUBSCRIPTIONS = "billing.reconcile_subscriptions"
UNSEEN = "billing.reconcile_unseen"
BURY = "billing.bury"
LOOKS_BACK = timedelta(days=4)
"""For events that were not delivered: the provider itself tries for three days."""
PATIENCE = timedelta(days=2)
"""After which an event without a job is a dead letter: the ladder takes a day."""
BATCH = 20
"""Subscriptions of ours that one job asks for, one by one, and events of which it looks for jobs."""
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
        await bury(app, {"after": "0", "begun": begun})
    await pacing.turn(app)
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
    await pacing.turn(app)
    at = app.clock.now()
    page = await app.payments.live_subscriptions(payload.get("after"))
    if page.unreadable:
        app.metrics.drift.labels("unreadable").inc(page.unreadable)
    ours = [await _compare(app, snapshot, at) for snapshot in page.rows]
    seen = payload.get("seen", False) or any(ours)
    await _go_on(app, SUBSCRIPTIONS, page.further, begun, seen=seen)
    if page.further is None:
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
        await pacing.turn(app)
        at = app.clock.now()
        try:
            snapshot = await app.payments.subscription(row.provider_id)
        except Unreadable:
            _drifted(app, "unreadable", row.provider_id)
            continue
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


async def bury(app: App, payload: dict[str, Any]) -> None:
    """Show as dead what was received and has no job any more: each attempt had ended with its worker. By batches."""
    before = datetime.fromisoformat(payload["begun"]) - PATIENCE
    old = WebhookEvent.filter(state=WebhookState.RECEIVED, received_at__lt=before, id__gt=int(payload["after"]))
    events = await old.order_by("id").limit(BATCH)
    begins = {event.id: f"{inbox.APPLY}:{event.event_id}:" for event in events}
    wanted = Q(*(Q(dedup_key__startswith=begin) for begin in begins.values()), join_type=Q.OR)
    keys = await Job.filter(wanted, due_at__not_isnull=True).values_list("dedup_key", flat=True) if events else []
    for event in events:
        if any(str(key).startswith(begins[event.id]) for key in keys):
            continue
        held = WebhookEvent.filter(id=event.id, state=WebhookState.RECEIVED)
        if await held.update(state=WebhookState.DEAD, error=event.error or "Each attempt ended with its worker."):
            _drifted(app, "stuck", event.event_id)
    await _go_on(app, BURY, str(events[-1].id) if len(events) == BATCH else None, payload["begun"])


async def _compare(app: App, snapshot: SubscriptionSnapshot, at: datetime) -> bool:
    """Apply an answer, and count what it has mended; whether it is about somebody here."""
    before = await PlanSubscription.get_or_none(provider_id=snapshot.id)
    old = {} if before is None else {name: getattr(before, name) for name in COMPARED}
    try:
        row = await write_subscription(app, snapshot, Stamp(at))
    except KeyError:  # of a status that came after this version of ours
        _drifted(app, "unreadable", snapshot.id)
        return True
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


async def _go_on(app: App, kind: str, after: str | None, begun: str, **more: bool) -> None:
    """Write the job of the next page, if there is one: it may take more time than one job has."""
    if after is not None:
        payload = {"after": after, "begun": begun, **more}
        await jobs.enqueue(app, kind, payload, dedup_key=f"{kind}:{begun}:{after}"[:200])
        await jobs.wake(app)


def _drifted(app: App, what: str, subject: str, **more: str) -> None:
    app.metrics.drift.labels(what).inc()
    log.warning("billing.drift", what=what, subject=subject, **more)
