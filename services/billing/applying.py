"""Writing a snapshot of the provider's into our mirror, and what follows from it: idempotent, and never backwards.

A snapshot is either the answer to a question, which holds for the moment at which it was asked, or the content of an
event, which holds for the second in which the event was made. An older one never overwrites a newer one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tortoise.exceptions import IntegrityError

from models.billing import BillingCustomer, Invoice, InvoiceStatus, PlanSubscription, PlanSubscriptionStatus
from services import jobs
from services.billing import following

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.payments import InvoiceSnapshot, SubscriptionSnapshot
    from models.trials import Trial
    from services.app import App

Row = TypeVar("Row", PlanSubscription, Invoice)
Facts = dict[str, Any]

STATUSES = {
    "incomplete": PlanSubscriptionStatus.INCOMPLETE,
    "incomplete_expired": PlanSubscriptionStatus.CANCELED,
    "trialing": PlanSubscriptionStatus.TRIALING,
    "active": PlanSubscriptionStatus.ACTIVE,
    "past_due": PlanSubscriptionStatus.PAST_DUE,
    "paused": PlanSubscriptionStatus.PAUSED,
    "canceled": PlanSubscriptionStatus.CANCELED,
    "unpaid": PlanSubscriptionStatus.UNPAID,
}
"""The provider's words for where a subscription stands."""
RANKS = {
    PlanSubscriptionStatus.INCOMPLETE: 0,
    PlanSubscriptionStatus.TRIALING: 1,
    PlanSubscriptionStatus.ACTIVE: 2,
    PlanSubscriptionStatus.PAST_DUE: 3,
    PlanSubscriptionStatus.PAUSED: 3,
    PlanSubscriptionStatus.UNPAID: 4,
    PlanSubscriptionStatus.CANCELED: 5,
    InvoiceStatus.DRAFT: 0,
    InvoiceStatus.OPEN: 1,
    InvoiceStatus.UNCOLLECTIBLE: 2,
    InvoiceStatus.VOID: 3,
    InvoiceStatus.PAID: 3,
}
"""Which of two events of one second came later, in most lives."""
STAMPS = frozenset({"applied_at", "applied_event_at"})
"""A row of which nothing else is new has no new version."""


@dataclass(frozen=True)
class Stamp:
    """What a snapshot holds for: the moment `at` by our clock at which we asked, or by the provider's an event's."""

    at: datetime
    is_event: bool = False


async def apply_subscription(app: App, snapshot: SubscriptionSnapshot, *, at: datetime) -> PlanSubscription | None:
    """Write what the provider answered when it was asked at `at`; the row, None when its customer is nobody here.

    Access, trial and letters follow in the same transaction, live streams hear of it afterwards.
    """
    return await write_subscription(app, snapshot, Stamp(at))


async def apply_invoice(app: App, snapshot: InvoiceSnapshot, *, at: datetime) -> Invoice | None:
    """Write what the provider answered when it was asked at `at`; the row, None when its customer is nobody here.

    The first one of more than nothing that is paid converts the trial, in the same transaction.
    """
    return await write_invoice(app, snapshot, Stamp(at))


async def write_subscription(app: App, snapshot: SubscriptionSnapshot, stamp: Stamp) -> PlanSubscription | None:
    """Write a snapshot, unless what stands there is newer; the row as it is then."""
    while (user_id := await owner_of(snapshot.customer_id)) is not None:
        row = await PlanSubscription.get_or_none(provider_id=snapshot.id)
        status = STATUSES[snapshot.status]
        if row is not None and not _is_newer(app, row, status, stamp):
            return row
        facts = _subscription_facts(app, snapshot, row, stamp)
        written = await _once(app, user_id, partial(_put_subscription, app, row, user_id, facts, snapshot))
        if written is not None:
            return written
    return None


async def write_invoice(app: App, snapshot: InvoiceSnapshot, stamp: Stamp) -> Invoice | None:
    """Write a snapshot, unless what stands there is newer; the row as it is then."""
    while (user_id := await owner_of(snapshot.customer_id)) is not None:
        row = await Invoice.get_or_none(provider_id=snapshot.id)
        status = InvoiceStatus(snapshot.status.upper())
        if row is not None and not _is_newer(app, row, status, stamp):
            return row
        facts = _invoice_facts(snapshot, status, row, stamp)
        written = await _once(app, user_id, partial(_put_invoice, app, row, user_id, facts, snapshot))
        if written is not None:
            return written
    return None


async def write_vanished(app: App, row: PlanSubscription, at: datetime) -> PlanSubscription | None:
    """End what the provider knew nothing of when it was asked at `at`, with all that follows from an end.

    None when somebody else was faster.
    """
    return await _once(app, row.user_id, partial(_put_vanished, app, row, at))


async def owner_of(customer_id: str) -> int | None:
    """The user whom the provider knows as this customer."""
    customer = await BillingCustomer.get_or_none(provider_id=customer_id)
    return None if customer is None else customer.user_id


def _is_newer(
    app: App, row: PlanSubscription | Invoice, status: PlanSubscriptionStatus | InvoiceStatus, stamp: Stamp
) -> bool:
    """Whether a snapshot is newer than what stands in `row`.

    What is over is brought back by a later answer alone: we may have been told wrongly that it was. A row that was
    written while our clock was ahead must not refuse everything until the time has come.
    """
    revives = row.status is PlanSubscriptionStatus.CANCELED and status is not row.status
    if not stamp.is_event:
        later = row.applied_at < stamp.at or (row.applied_at == stamp.at and not revives)
        return later or row.applied_at > app.clock.now()
    if revives:
        return False
    if status is PlanSubscriptionStatus.INCOMPLETE and row.status is not status:
        return False
    known = max(filter(None, (row.applied_event_at, min(row.applied_at, app.clock.now()))))
    return (stamp.at, RANKS[status]) >= (known.replace(microsecond=0), RANKS[row.status])


def _subscription_facts(app: App, snapshot: SubscriptionSnapshot, row: PlanSubscription | None, stamp: Stamp) -> Facts:
    status = STATUSES[snapshot.status]
    late = status is PlanSubscriptionStatus.PAST_DUE
    return {
        "plan_key": _plan_key(app, snapshot, row),
        "price_id": snapshot.price_id,
        "item_id": snapshot.item_id,
        "status": status,
        "currency": snapshot.currency,
        "period_start": snapshot.period_start,
        "period_end": snapshot.period_end,
        "cancel_at_period_end": snapshot.cancel_at_period_end,
        "canceled_at": snapshot.canceled_at,
        "trial_ends_at": snapshot.trial_end,
        "past_due_since": ((row and row.past_due_since) or app.clock.now()) if late else None,
        "provider_created_at": snapshot.created,
        **_stamped(row, stamp),
    }


def _invoice_facts(snapshot: InvoiceSnapshot, status: InvoiceStatus, row: Invoice | None, stamp: Stamp) -> Facts:
    return {
        "subscription_provider_id": snapshot.subscription_id,
        "number": snapshot.number,
        "status": status,
        "total": snapshot.total,
        "amount_paid": snapshot.amount_paid,
        "currency": snapshot.currency,
        "hosted_url": snapshot.hosted_url,
        "billing_reason": snapshot.billing_reason,
        "created_at": snapshot.created,
        "paid_at": snapshot.paid_at,
        **_stamped(row, stamp),
    }


def _stamped(row: PlanSubscription | Invoice | None, stamp: Stamp) -> Facts:
    if not stamp.is_event:
        return {"applied_at": stamp.at}
    return {"applied_event_at": stamp.at} | ({} if row else {"applied_at": stamp.at})


def _plan_key(app: App, snapshot: SubscriptionSnapshot, row: PlanSubscription | None) -> str | None:
    """The plan that the price belongs to. A price that another one has followed tells it by its metadata alone."""
    named = (snapshot.lookup_key or "").partition(":")[0] or snapshot.price_metadata.get("plan", "")
    if named in app.catalogue.plans:
        return named
    return row.plan_key if row is not None and row.price_id == snapshot.price_id else None


async def _put_subscription(
    app: App, row: PlanSubscription | None, user_id: int, facts: Facts, snapshot: SubscriptionSnapshot
) -> tuple[PlanSubscription, Trial | None]:
    before = None if row is None else row.status
    if row is None:
        row = await PlanSubscription.create(user_id=user_id, provider_id=snapshot.id, **facts)
    else:
        changes = any(getattr(row, name) != value for name, value in facts.items() if name not in STAMPS)
        held = PlanSubscription.filter(id=row.id, version=row.version, applied_at=row.applied_at)
        facts |= {"version": row.version + changes}
        await _require(held.update(**facts))
        row.update_from_dict(facts)
    return row, await following.subscription_written(app, row, snapshot, before)


async def _put_vanished(app: App, row: PlanSubscription, at: datetime) -> tuple[PlanSubscription, Trial | None]:
    before = row.status
    held = PlanSubscription.filter(id=row.id, version=row.version, applied_at=row.applied_at)
    facts: Facts = {
        "status": PlanSubscriptionStatus.CANCELED,
        "canceled_at": at,
        "past_due_since": None,
        "applied_at": at,
        "version": row.version + 1,
    }
    await _require(held.update(**facts))
    row.update_from_dict(facts)
    return row, await following.subscription_ended(app, row, before)


async def _put_invoice(
    app: App, row: Invoice | None, user_id: int, facts: Facts, snapshot: InvoiceSnapshot
) -> tuple[Invoice, Trial | None]:
    before = None if row is None else row.status
    if row is None:
        row = await Invoice.create(user_id=user_id, provider_id=snapshot.id, **facts)
    else:
        held = Invoice.filter(id=row.id, applied_at=row.applied_at, applied_event_at=row.applied_event_at)
        await _require(held.update(**facts))
        row.update_from_dict(facts)
    return row, await following.invoice_written(app, row, snapshot, user_id, before)


class _OvertakenError(Exception):
    """Somebody else has written the row since it was read."""


async def _require(changing: Awaitable[int]) -> None:
    if not await changing:
        raise _OvertakenError


async def _once(app: App, user_id: int, put: Callable[[], Awaitable[tuple[Row, Trial | None]]]) -> Row | None:
    """The row that `put` has written in one transaction; None when somebody else was faster, or the user has gone."""
    try:
        async with app.database.transaction():
            written, trial = await put()
    except (IntegrityError, _OvertakenError):
        return None
    await following.tell_of(app, user_id, trial)
    await jobs.wake(app)
    return written
