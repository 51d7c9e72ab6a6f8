"""What is left of purchases when their user goes, and when nobody needs the inbox any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tortoise.expressions import Q

from adapters.database import delete_in_parts
from models.billing import BillingCustomer, Invoice, InvoiceStatus, WebhookEvent, WebhookState
from services import jobs
from services.billing import trying

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App

FORGET = "billing.forget_customer"
PRUNE = "billing.prune"
DONE_KEPT = timedelta(days=35)
"""Of events that are done: the provider itself forgets them after 30 days."""
UNDONE_KEPT = timedelta(days=90)
"""Of events that were parked or given up: they wait for somebody to read them, but not for ever."""


async def forget(app: App, user: User) -> None:
    """Part a user from their purchases, inside the caller's transaction, and have the provider forget the customer.

    Paid invoices stay, for the law wants them: their number, amounts and dates, and no user or address of a page. What
    else there is goes, most of it with the user's own row.
    """
    unpaid = Invoice.filter(user_id=user.id).exclude(status=InvoiceStatus.PAID)
    await unpaid.delete()
    await Invoice.filter(user_id=user.id).update(user_id=None, hosted_url=None)
    customer = await BillingCustomer.get_or_none(user_id=user.id)
    if customer is None:
        return
    await WebhookEvent.filter(customer_id=customer.provider_id).delete()
    await enqueue(app, customer.provider_id)


async def enqueue(app: App, customer_id: str) -> None:
    """Write the job that has the provider forget a customer, inside the caller's transaction, if there is one."""
    payload = {"customer": customer_id, "begun": app.clock.now().isoformat()}
    await jobs.enqueue(app, FORGET, payload, dedup_key=f"{FORGET}:{customer_id}")


async def forget_customer(app: App, payload: dict[str, Any]) -> None:
    """Have the provider delete a customer with their cards, and end their subscriptions.

    Nobody here owns the customer any more, so this is all that ends what they pay for: it is tried for 30 days.
    """
    try:
        await app.payments.forget_customer(payload["customer"])
    except Exception as error:  # ruff: ignore[blind-except] -- whatever it is, the customer must not pay for ever
        await trying.again(app, FORGET, payload, payload["customer"], error)


async def prune(app: App, _: dict[str, Any]) -> None:
    """Forget events that were done 35 days ago, and those that nobody has looked at for 90 days."""
    now = app.clock.now()
    done = Q(state=WebhookState.DONE, received_at__lt=now - DONE_KEPT)
    undone = Q(state__in=[WebhookState.PARKED, WebhookState.DEAD], received_at__lt=now - UNDONE_KEPT)
    await delete_in_parts(WebhookEvent.filter(done | undone))
