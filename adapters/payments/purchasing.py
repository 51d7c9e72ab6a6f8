"""The selling half of payments by Stripe: each request within its deadline, and the breaker asked first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.payments.port import SubscriptionSnapshot
    from adapters.payments.sdk import Sdk
    from adapters.payments.selling import Checkout, PlanChange, Price, Product, Purchase, Quote

T = TypeVar("T")

CHARGING = 5
"""How many times the usual deadline a request may take that charges a card: its bank is asked meanwhile."""


class Purchasing(ABC):
    """What `adapters.payments.selling` asks for, over a client that protects each request."""

    @abstractmethod
    async def _ask(self, call: Callable[[Sdk], Awaitable[T]], *, patience: int = 1) -> T:
        """The answer to `call`, within `patience` deadlines."""

    async def products(self, ids: list[str]) -> list[Product]:
        return await self._ask(lambda sdk: sdk.products(ids))

    async def write_product(self, product: Product, *, new: bool, key: str) -> None:
        await self._ask(lambda sdk: sdk.write_product(product, new=new, key=key))

    async def prices(self, lookup_keys: list[str]) -> list[Price]:
        return await self._ask(lambda sdk: sdk.prices(lookup_keys))

    async def create_price(self, price: Price, *, key: str) -> Price:
        return await self._ask(lambda sdk: sdk.create_price(price, key=key))

    async def promotion(self, code: str) -> str | None:
        return await self._ask(lambda sdk: sdk.promotion(code))

    async def create_customer(self, email: str, reference: str, *, key: str) -> str:
        return await self._ask(lambda sdk: sdk.create_customer(email, reference, key=key))

    async def start_checkout(self, purchase: Purchase, *, key: str) -> Checkout | None:
        return await self._ask(lambda sdk: sdk.start_checkout(purchase, key=key))

    async def checkout(self, checkout_id: str) -> Checkout | None:
        return await self._ask(lambda sdk: sdk.checkout(checkout_id))

    async def expire_checkout(self, checkout_id: str) -> None:
        await self._ask(lambda sdk: sdk.expire_checkout(checkout_id))

    async def open_portal(self, customer_id: str, return_url: str, *, key: str) -> str:
        return await self._ask(lambda sdk: sdk.open_portal(customer_id, return_url, key=key))

    async def quote(self, change: PlanChange) -> Quote:
        return await self._ask(lambda sdk: sdk.quote(change))

    async def next_quote(self, change: PlanChange) -> Quote:
        return await self._ask(lambda sdk: sdk.next_quote(change))

    async def change_plan(self, change: PlanChange, *, key: str) -> SubscriptionSnapshot:
        return await self._ask(lambda sdk: sdk.change_plan(change, key=key), patience=CHARGING)

    async def cancel(self, subscription_id: str, *, key: str) -> SubscriptionSnapshot:
        return await self._ask(lambda sdk: sdk.cancel(subscription_id, key=key), patience=CHARGING)

    async def end_with_period(self, subscription_id: str, *, ends: bool, key: str) -> SubscriptionSnapshot:
        return await self._ask(lambda sdk: sdk.end_with_period(subscription_id, ends=ends, key=key))

    async def end_trial(self, subscription_id: str, *, key: str) -> SubscriptionSnapshot:
        return await self._ask(lambda sdk: sdk.end_trial(subscription_id, key=key), patience=CHARGING)

    async def forget_customer(self, customer_id: str) -> None:
        await self._ask(lambda sdk: sdk.forget_customer(customer_id), patience=CHARGING)
