"""Changing what was bought: another plan, its end, and going on after all; and the provider's own page for it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from adapters.payments import PaymentDeclined, PlanChange
from core.errors import BadUserInput, Refusal, Unavailable
from models.billing import BillingCustomer, Invoice, InvoiceStatus, PlanSubscription, PlanSubscriptionStatus
from services.billing.applying import apply_invoice
from services.billing.buying import (
    NotSubscribed,
    answered,
    just_bought,
    key_of_change,
    plan_for_sale,
    require_allowed,
    subscription_now,
    subscription_of,
    written,
)
from services.billing.syncing import price_of

if TYPE_CHECKING:
    from adapters.payments import InvoiceSnapshot, SubscriptionSnapshot
    from models.accounts import User
    from services.app import App
    from services.billing.catalogue import Plan

UNPAID = frozenset({
    PlanSubscriptionStatus.INCOMPLETE,
    PlanSubscriptionStatus.PAST_DUE,
    PlanSubscriptionStatus.UNPAID,
})  # fmt: skip
"""Whoever owes an invoice pays it before they change anything."""
UPDATE = "subscription_update"
"""What the provider calls the reason of a change's invoice."""
DRAFT_FOR = timedelta(hours=1)
"""How long a period's invoice is a draft: the provider charges it afterwards."""
OLDEST_QUOTE = timedelta(hours=1)
"""How long what a preview said can be had."""


class PaymentFailed(Refusal):
    """The difference could not be charged, or an earlier invoice is not paid; the plan is what it was.

    `hosted_url` is where the invoice can be paid, where there is one.
    """

    message = "The payment failed. Your plan has not changed."

    def __init__(self, hosted_url: str | None = None) -> None:
        super().__init__()
        self.hosted_url = hosted_url


async def change_plan(app: App, user: User, plan_key: str | None, *, prorated_at: datetime | None) -> PlanSubscription:
    """Put a user's subscription on another plan, and charge the difference at once.

    `prorated_at` is a preview's: then what it said is what is charged. Raises NotSubscribed, PaymentFailed, NotFound,
    BadUserInput, Unavailable.
    """
    plan = plan_for_sale(app, plan_key)
    row, now = await subscription_now(app, user)
    if row.status in UNPAID:
        raise PaymentFailed(await _unpaid(row))
    if row.plan_key == plan.key:
        return row
    last = await last_invoice(app, now)
    _require_paid(app, now, last)
    change = await change_to(app, row, plan, prorated_at, last)
    sent_at = app.clock.now()
    try:
        key = key_of_change(app, row, row.version, now.latest_invoice_id, change)
        snapshot = await answered(app, row, app.payments.change_plan(change, key=key))
    except PaymentDeclined as declined:
        raise PaymentFailed(declined.hosted_url) from declined
    changed = await written(app, snapshot, at=sent_at)
    if snapshot.latest_invoice_id is not None:
        with suppress(Unavailable):  # the plan has changed: its invoice comes by webhook, too
            asked_at = app.clock.now()
            invoice = await app.payments.invoice(snapshot.latest_invoice_id)
            if invoice is not None:
                await apply_invoice(app, invoice, at=asked_at)
    return changed


async def cancel_subscription(app: App, user: User, *, immediately: bool) -> PlanSubscription:
    """End a user's subscription with the period that is paid for, or now; nothing is paid back.

    What was not paid by then gives nothing back either: a credit is only ever made by a change, which asks for payment
    first. Raises NotSubscribed, Unavailable.
    """
    row, sent_at = await subscription_of(app, user), app.clock.now()
    if immediately:
        request = app.payments.cancel(row.provider_id, key=key_of_change(app, row, row.version, "cancel"))
    else:
        request = app.payments.end_with_period(
            row.provider_id, ends=True, key=key_of_change(app, row, row.version, "end")
        )
    return await written(app, await answered(app, row, request), at=sent_at)


async def resume_subscription(app: App, user: User) -> PlanSubscription:
    """Let a user's subscription go on that was to end with its period. Raises NotSubscribed, Unavailable."""
    row, sent_at = await subscription_of(app, user), app.clock.now()
    request = app.payments.end_with_period(
        row.provider_id, ends=False, key=key_of_change(app, row, row.version, "resume")
    )
    return await written(app, await answered(app, row, request), at=sent_at)


async def open_portal(app: App, user: User, return_url: str) -> str:
    """The address of the provider's page for cards, invoices and the subscription of who has ever had one.

    Raises UrlNotAllowed, NotSubscribed, Unavailable.
    """
    require_allowed(app, return_url)
    row = await PlanSubscription.filter(user_id=user.id).order_by("-id").first() or await just_bought(app, user)
    customer = await BillingCustomer.get_or_none(user_id=user.id)
    if row is None or customer is None:
        raise NotSubscribed
    key = key_of_change(app, row, "portal", return_url)
    return await app.payments.open_portal(customer.provider_id, return_url, key=key)


async def change_to(
    app: App, row: PlanSubscription, plan: Plan, prorated_at: datetime | None, last: InvoiceSnapshot | None
) -> PlanChange:
    """The change of a subscription to a plan, in the currency that it is paid in. Raises BadUserInput, Unavailable.

    Without a moment given, time counts from the beginning of the present hour, so that a change soon after a preview
    costs what that said; but never from before the period or the `last` invoice, so that no time is given back twice.
    """
    if row.currency not in plan.prices:
        raise BadUserInput("This plan is not sold in the currency of your subscription.")
    now = app.clock.now()
    at = now.replace(minute=0, second=0, microsecond=0) if prorated_at is None else prorated_at
    if at.tzinfo is None or not now - OLDEST_QUOTE <= at <= now:
        raise BadUserInput("proratedAt is what a preview of the last hour said.")
    price = await price_of(app, plan, row.currency)
    since = max(row.period_start, last.created) if last else row.period_start
    return PlanChange(row.provider_id, row.item_id, price.id, max(at, since))


async def last_invoice(app: App, now: SubscriptionSnapshot) -> InvoiceSnapshot | None:
    """The newest invoice of a subscription as the provider has it; None when there is none. Raises Unavailable."""
    return await app.payments.invoice(now.latest_invoice_id) if now.latest_invoice_id else None


def _require_paid(app: App, now: SubscriptionSnapshot, last: InvoiceSnapshot | None) -> None:
    """Let nobody have a credit for time that was not paid: a draft is charged soon, what is open is to be paid first.

    The invoice of another change that was not paid is nobody's debt: that change has not been made.
    Raises PaymentFailed, Unavailable.
    """
    if last is None or last.status == "paid" or last.total <= 0:
        return
    if last.status == "draft":
        left = last.created + DRAFT_FOR - app.clock.now()
        raise Unavailable("Your last invoice is being charged.", retry_after=max(60.0, left.total_seconds()))
    undone = last.billing_reason == UPDATE and (now.change_waits or last.status == "void")
    if not undone:
        raise PaymentFailed(last.hosted_url)


async def _unpaid(row: PlanSubscription) -> str | None:
    """Where the newest unpaid invoice of a subscription can be paid."""
    open_ones = Invoice.filter(subscription_provider_id=row.provider_id, status=InvoiceStatus.OPEN)
    invoice = await open_ones.order_by("-created_at", "-id").first()
    return invoice.hosted_url if invoice else None
