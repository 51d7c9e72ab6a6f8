"""What we ask a payment provider to do: to sell, to change what was sold, and to tell beforehand what that costs.

Each request that changes something carries a key of ours: whoever sends it twice has it done once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from adapters.payments.port import SubscriptionSnapshot


class SubscriptionOver(Exception):
    """The subscription that was to be changed is over, or was never there."""


class PaymentDeclined(Exception):
    """A charge was declined, or its payer has to confirm it; nothing was changed.

    `code` is the provider's word for it. `hosted_url` is where the invoice can be paid after all, if it can.
    """

    def __init__(self, code: str | None = None, hosted_url: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.hosted_url = hosted_url


@dataclass(frozen=True)
class Product:
    """What is sold, under an id that we choose."""

    id: str
    name: str
    description: str
    active: bool
    metadata: dict[str, str]


@dataclass(frozen=True)
class Price:
    """For how much in one currency. Its amount never changes: a lookup key moves to another price instead.

    `interval` is `month` or `year`; None of what is paid once.
    """

    product_id: str
    lookup_key: str | None
    currency: str
    amount: int | None
    interval: str | None
    metadata: dict[str, str] = field(default_factory=dict, compare=False)
    id: str = field(default="", compare=False)


@dataclass(frozen=True)
class Purchase:
    """What a checkout is about. `trial_end` is when the first charge is due, if not at once."""

    customer_id: str
    price_id: str
    success_url: str
    cancel_url: str
    reference: str
    trial_end: datetime | None = None
    promotion_id: str | None = None


@dataclass(frozen=True)
class Checkout:
    """A page on which somebody can buy. `status` is open, complete or expired; a closed one has no `url`."""

    id: str
    url: str | None
    status: str
    expires_at: datetime
    subscription_id: str | None


@dataclass(frozen=True)
class PlanChange:
    """Another price for a subscription. Time before `at` is paid at the old price, time after it at the new one."""

    subscription_id: str
    item_id: str
    price_id: str
    at: datetime


@dataclass(frozen=True)
class QuoteLine:
    """One line of an invoice that is not made yet, discounts taken off."""

    description: str
    amount: int
    period_end: datetime


@dataclass(frozen=True)
class Quote:
    """An invoice that is not made yet. `balance` is what is added to the one after it: negative for a credit."""

    total: int
    due: int
    balance: int
    lines: tuple[QuoteLine, ...]


class Selling(Protocol):
    """Sells plans. Whatever is asked raises Unavailable when the provider gives no answer that can be used in time."""

    async def products(self, ids: list[str]) -> list[Product]:
        """Those of these products that there are."""
        ...

    async def write_product(self, product: Product, *, new: bool, key: str) -> None:
        """Add a product, or change what people read of one."""
        ...

    async def prices(self, lookup_keys: list[str]) -> list[Price]:
        """The active prices that these lookup keys name now."""
        ...

    async def create_price(self, price: Price, *, key: str) -> Price:
        """Add a price; its lookup key moves to it from whichever price had it."""
        ...

    async def promotion(self, code: str) -> str | None:
        """The id of an active promotion code that people know as `code`, in any case; None when there is none."""
        ...

    async def create_customer(self, email: str, reference: str, *, key: str) -> str:
        """The id of a new customer."""
        ...

    async def start_checkout(self, purchase: Purchase, *, key: str) -> Checkout | None:
        """Open a page on which somebody can buy; None when the promotion is not for them."""
        ...

    async def checkout(self, checkout_id: str) -> Checkout | None:
        """A checkout as it is now; None when there is none of that id."""
        ...

    async def expire_checkout(self, checkout_id: str) -> None:
        """Close a checkout, if it is open: nobody can buy on it afterwards."""
        ...

    async def open_portal(self, customer_id: str, return_url: str, *, key: str) -> str:
        """The address of a page on which a customer looks after cards, invoices and subscriptions."""
        ...

    async def quote(self, change: PlanChange) -> Quote:
        """The invoice that a change would make now. Raises SubscriptionOver, as everything below."""
        ...

    async def next_quote(self, change: PlanChange) -> Quote:
        """The invoice of a whole period after a change, nothing of the change itself in it."""
        ...

    async def change_plan(self, change: PlanChange, *, key: str) -> SubscriptionSnapshot:
        """Change the price and charge the difference at once, or leave everything as it is.

        Raises PaymentDeclined, SubscriptionOver.
        """
        ...

    async def cancel(self, subscription_id: str, *, key: str) -> SubscriptionSnapshot:
        """End a subscription now. Nothing is paid back."""
        ...

    async def end_with_period(self, subscription_id: str, *, ends: bool, key: str) -> SubscriptionSnapshot:
        """Let a subscription end with the period that is paid for, or let it go on after all."""
        ...

    async def end_trial(self, subscription_id: str, *, key: str) -> SubscriptionSnapshot:
        """Let a subscription's trial end now, and its first charge be made."""
        ...

    async def forget_customer(self, customer_id: str) -> None:
        """Delete a customer with their cards; their subscriptions end at once. Twice is once."""
        ...
