"""What follows from a snapshot that was written: the trial's course, letters, news for live streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import NotFound
from models.billing import InvoiceStatus, PlanSubscription, PlanSubscriptionStatus
from models.trials import Trial
from services import analytics, jobs, trials
from services.analytics import InvoicePaid, SubscriptionCanceled
from services.billing import letters
from services.billing.letters import News

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from adapters.payments import InvoiceSnapshot, SubscriptionSnapshot
    from models.billing import Invoice
    from services.app import App

CHECK_CARD = "billing.check_card"
BEGAN = frozenset(PlanSubscriptionStatus) - {PlanSubscriptionStatus.INCOMPLETE, PlanSubscriptionStatus.CANCELED}
"""Who leaves these for CANCELED had something."""


async def subscription_written(
    app: App, row: PlanSubscription, snapshot: SubscriptionSnapshot, before: PlanSubscriptionStatus | None
) -> Trial | None:
    """What follows inside the transaction that wrote `row`; the trial that it has changed or left as it was."""
    if row.status is PlanSubscriptionStatus.CANCELED:
        return await subscription_ended(app, row, before)
    if row.status is PlanSubscriptionStatus.TRIALING and snapshot.default_payment_method is not None:
        await _check_card(app, row, snapshot.default_payment_method)
        change = trials.purchase_withdrawn if row.cancel_at_period_end else trials.purchase_made
        return await _told(change(app, row.user_id))
    return None


async def subscription_ended(app: App, row: PlanSubscription, before: PlanSubscriptionStatus | None) -> Trial | None:
    """What follows inside the transaction that wrote that `row` is over; nothing where it was so before."""
    if before is row.status:
        return None
    if before is not None and before in BEGAN:
        await analytics.record(app, row.user_id, SubscriptionCanceled(plan=row.plan_key, status=before.lower()))
        await letters.enqueue(app, News.CANCELED, row.user_id, row.provider_id)
    return await _told(trials.purchase_withdrawn(app, row.user_id))


async def invoice_written(
    app: App, row: Invoice, snapshot: InvoiceSnapshot, user_id: int, before: InvoiceStatus | None
) -> Trial | None:
    """What follows inside the transaction that wrote `row`; the trial that it has changed or left as it was.

    A receipt is sent when it was not paid `before`: jobs that are done are forgotten, and do not tell of the first one.
    """
    if row.status is InvoiceStatus.PAID and row.amount_paid > 0:
        if before is not row.status:
            await _record_payment(app, row, user_id)
            await letters.enqueue(app, News.PAID, user_id, row.provider_id)
        return await _told(trials.convert(app, user_id))
    if row.status is InvoiceStatus.OPEN and snapshot.attempt_count > 0 and snapshot.amount_due > 0:
        await letters.enqueue(app, News.UNPAID, user_id, row.provider_id, snapshot.attempt_count)
        return await _told(trials.charge_failed(app, user_id))
    return None


async def tell_of(app: App, user_id: int, trial: Trial | None) -> None:
    """Tell live streams, once the change has committed."""
    await app.plans_changed.publish(str(user_id))
    if trial is not None:
        await trials.tell_of(app, trial)


async def _record_payment(app: App, row: Invoice, user_id: int) -> None:
    bought = await PlanSubscription.get_or_none(provider_id=row.subscription_provider_id or "")
    paid = InvoicePaid(
        plan=bought.plan_key if bought else None,
        amount=row.amount_paid,
        currency=row.currency,
        reason=row.billing_reason,
    )
    await analytics.record(app, user_id, paid)


async def _check_card(app: App, row: PlanSubscription, payment_method: str) -> None:
    payload = {"user_id": row.user_id, "subscription": row.provider_id, "payment_method": payment_method}
    key = f"{CHECK_CARD}:{row.provider_id}:{payment_method}"
    await jobs.enqueue(app, CHECK_CARD, payload, dedup_key=key[:200])


async def _told(change: Awaitable[Trial]) -> Trial | None:
    """The trial after a change; None for somebody who never had one."""
    try:
        return await change
    except NotFound:
        return None
