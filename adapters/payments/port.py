"""What we ask of a payment provider. Times are aware, amounts are whole minor units, currencies are upper case."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from adapters.payments.selling import Selling
from core.errors import Unavailable

SUBSCRIPTION = "subscription"
INVOICE = "invoice"


@dataclass(frozen=True)
class Card:
    """A card as its provider tells it: never the number.

    `fingerprint` is the same for each payment method that was made from one card number, and differs between accounts
    with the provider; None where the provider gives none. `country` is the issuer's, in ISO 3166's two letters.
    """

    fingerprint: str | None = field(repr=False)
    brand: str
    last4: str = field(repr=False)
    country: str | None
    funding: str


@dataclass(frozen=True)
class SubscriptionSnapshot:
    """A subscription at one moment. `status` is the provider's word; price and period are those of its first item.

    A price that another one has followed has no `lookup_key` any more, but still its metadata. `change_waits` says that
    a change has been asked for and waits for its payment: the last invoice is the one to pay.
    """

    id: str
    customer_id: str
    status: str
    price_id: str
    lookup_key: str | None
    price_metadata: dict[str, str]
    item_id: str
    currency: str
    period_start: datetime
    period_end: datetime
    cancel_at_period_end: bool
    canceled_at: datetime | None
    trial_end: datetime | None
    created: datetime
    latest_invoice_id: str | None
    default_payment_method: str | None
    metadata: dict[str, str]
    change_waits: bool = False


@dataclass(frozen=True)
class SubscriptionPage:
    """Subscriptions of one answer. `further` is what the next page is asked for with, None for the last.

    `unreadable` counts those that are none of our kind, as when an account is shared.
    """

    rows: list[SubscriptionSnapshot]
    further: str | None
    unreadable: int = 0


@dataclass(frozen=True)
class InvoiceSnapshot:
    """An invoice at one moment. `attempt_count` is how often its charge was tried."""

    id: str
    customer_id: str
    subscription_id: str | None
    number: str | None
    status: str
    total: int
    amount_due: int
    amount_paid: int
    currency: str
    created: datetime
    paid_at: datetime | None
    hosted_url: str | None
    billing_reason: str | None
    attempt_count: int


@dataclass(frozen=True)
class EventSnapshot:
    """What the provider tells: that something happened to an object.

    `object_kind` and `object_id` name what to look at: the subscription where the event is about one or about its
    checkout, the invoice for invoices; None where there is nothing to look at.
    """

    id: str
    type: str
    created: datetime
    api_version: str | None
    object_id: str | None
    object_kind: str | None
    customer_id: str | None
    livemode: bool


class Unreadable(Unavailable):
    """The provider has answered, but what it told of this object is not what we can read."""


@runtime_checkable
class Payments(Selling, Protocol):
    """Knows payment methods, subscriptions, invoices and events.

    Whatever is asked raises Unavailable when the provider gives no answer that can be used in time.
    """

    async def open(self) -> None:
        """Make ready. The provider is not asked: one that is lost does not stop the start."""
        ...

    async def close(self) -> None:
        """Give back what is open. Nothing is asked afterwards."""
        ...

    async def card_of(self, payment_method: str) -> Card | None:
        """The card behind a payment method; None when there is no such thing, or no card behind it."""
        ...

    async def subscription(self, subscription_id: str) -> SubscriptionSnapshot | None:
        """The subscription as it is now; None when there is none of that id. Raises Unreadable for one of no use."""
        ...

    async def live_subscriptions(self, after: str | None) -> SubscriptionPage:
        """A page of all subscriptions that are not over."""
        ...

    async def invoice(self, invoice_id: str) -> InvoiceSnapshot | None:
        """The invoice as it is now; None when there is none of that id."""
        ...

    async def undelivered_events(self, since: datetime, after: str | None) -> tuple[list[str], str | None]:
        """A page of events, as JSON, made since then that could not be delivered, the newest first.

        What the next page is asked for with comes beside it, None for the last. The provider keeps them for 30 days.
        """
        ...

    @property
    def degraded(self) -> bool:
        """Whether the provider is left alone for now, because it failed again and again."""
        ...
