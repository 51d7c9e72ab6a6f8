"""What the SDK is asked to tell. Each method raises one of `Sdk.faults`."""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import stripe
import structlog

from adapters.payments.port import Card, SubscriptionPage, Unreadable
from adapters.payments.snapshots import invoice_of, subscription_of

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from adapters.payments.port import InvoiceSnapshot, SubscriptionSnapshot

PAGE = 50
"""Events of one answer, of which each may have 20 kB."""
SUBSCRIPTIONS = 20
"""Of one answer: those with many items are larger."""
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
"""What is raised by a shape of another kind than ours."""

log = structlog.get_logger(__name__)


class Reading:
    """The reading half of the SDK's client."""

    _client: stripe.StripeClient

    async def card(self, payment_method: str) -> Card | None:
        """The card behind a payment method; None when there is none."""
        found = await existing(self._client.v1.payment_methods.retrieve_async(payment_method), "payment_method")
        card = found and getattr(found, "card", None)
        return card and Card(card.fingerprint, card.brand, card.last4, card.country, card.funding)

    async def subscription(self, subscription_id: str) -> SubscriptionSnapshot | None:
        """The subscription as it is now. Raises Unreadable."""
        found = await existing(self._client.v1.subscriptions.retrieve_async(subscription_id), "subscription")
        return found and _readable(found)

    async def invoice(self, invoice_id: str) -> InvoiceSnapshot | None:
        """The invoice as it is now."""
        found = await existing(self._client.v1.invoices.retrieve_async(invoice_id), "invoice")
        return found and invoice_of(found.to_dict())

    async def subscriptions(self, after: str | None) -> SubscriptionPage:
        """A page of the subscriptions that are not over. What cannot be read costs no other one."""
        params: Any = {"limit": SUBSCRIPTIONS}
        page = await self._client.v1.subscriptions.list_async(params | _from(after))
        rows = []
        for each in page.data:
            with suppress(Unreadable):
                rows.append(_readable(each))
        return SubscriptionPage(rows, page.data[-1].id if page.has_more else None, len(page.data) - len(rows))

    async def undelivered(self, since: datetime, after: str | None) -> tuple[list[str], str | None]:
        """A page of events that could not be delivered, as JSON, and where the next one begins."""
        params: Any = {"delivery_success": False, "created": {"gte": int(since.timestamp())}, "limit": PAGE}
        page = await self._client.v1.events.list_async(params | _from(after))
        # The SDK makes Decimals of amounts that Stripe writes as texts.
        events = [json.dumps(each.to_dict(), default=str) for each in page.data]
        return events, page.data[-1].id if page.has_more else None


def _readable(found: Any) -> SubscriptionSnapshot:
    try:
        return subscription_of(found.to_dict())
    except UNREADABLE as fault:
        log.warning("payments.unreadable", subject=getattr(found, "id", None), reason=type(fault).__name__)
        raise Unreadable from fault


def _from(after: str | None) -> Any:
    return {"starting_after": after} if after else {}


async def existing(asked: Awaitable[Any], kind: str) -> Any:
    """What was asked for; None when there is no such thing. What is something else raises ValueError."""
    try:
        found = await asked
    except stripe.InvalidRequestError as error:
        if error.http_status == HTTPStatus.NOT_FOUND and error.code == "resource_missing":
            return None
        raise
    if getattr(found, "object", None) != kind:
        raise ValueError(f"The answer is no {kind}.")
    return found
