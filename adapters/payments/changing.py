"""What the SDK is asked to do. Each method raises one of `Sdk.faults`, or PaymentDeclined."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import stripe

from adapters.payments.reading import existing
from adapters.payments.selling import Checkout, PaymentDeclined, Price, Product, Quote, QuoteLine, SubscriptionOver
from adapters.payments.snapshots import amount_of, subscription_of, time_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from adapters.payments.port import SubscriptionSnapshot
    from adapters.payments.selling import PlanChange, Purchase

AT_ONCE = 10
"""Lookup keys that one request may name."""
OVER = frozenset({"resource_missing", "invoice_upcoming_none"})
"""What the provider says of changes of a subscription that is over."""
Parameters = dict[str, Any]


class Changing:
    """The changing half of the SDK's client."""

    _client: stripe.StripeClient

    async def products(self, ids: list[str]) -> list[Product]:
        """Those of these products that there are."""
        page = await self._client.v1.products.list_async(_any({"ids": ids, "limit": 100}))
        return [_product(each.to_dict()) for each in page.data]

    async def write_product(self, product: Product, *, new: bool, key: str) -> None:
        """Add a product, or change what people read of one."""
        content = {
            "name": product.name,
            "description": product.description,
            "active": product.active,
            "metadata": product.metadata,
        }
        if new:
            await self._client.v1.products.create_async(_any({"id": product.id, **content}), _keyed(key))
        else:
            await self._client.v1.products.update_async(product.id, _any(content), _keyed(key))

    async def prices(self, lookup_keys: list[str]) -> list[Price]:
        """The active prices that these lookup keys name now."""
        prices: list[Price] = []
        for start in range(0, len(lookup_keys), AT_ONCE):
            asked = {"lookup_keys": lookup_keys[start : start + AT_ONCE], "active": True, "limit": 100}
            page = await self._client.v1.prices.list_async(_any(asked))
            prices += [_price(each.to_dict()) for each in page.data]
        return prices

    async def create_price(self, price: Price, *, key: str) -> Price:
        """Add a price that takes its lookup key from whichever had it."""
        asked = {
            "product": price.product_id,
            "lookup_key": price.lookup_key,
            "transfer_lookup_key": True,
            "currency": price.currency.lower(),
            "unit_amount": price.amount,
            "recurring": {"interval": price.interval},
            "metadata": price.metadata,
        }
        return _price((await self._client.v1.prices.create_async(_any(asked), _keyed(key))).to_dict())

    async def promotion(self, code: str) -> str | None:
        """The id of an active promotion code; None when there is none."""
        page = await self._client.v1.promotion_codes.list_async({"code": code, "active": True, "limit": 1})
        return page.data[0].id if page.data else None

    async def create_customer(self, email: str, reference: str, *, key: str) -> str:
        """The id of a new customer."""
        asked = {"email": email, "metadata": {"reference": reference}}
        return (await self._client.v1.customers.create_async(_any(asked), _keyed(key))).id

    async def start_checkout(self, purchase: Purchase, *, key: str) -> Checkout | None:
        """Open a page on which somebody can buy; None when the promotion is not for them."""
        subscription: Parameters = {"metadata": {"reference": purchase.reference}}
        if purchase.trial_end is not None:
            subscription["trial_end"] = int(purchase.trial_end.timestamp())
        asked = {
            "mode": "subscription",
            "customer": purchase.customer_id,
            "client_reference_id": purchase.reference,
            "line_items": [{"price": purchase.price_id, "quantity": 1}],
            "subscription_data": subscription,
            "success_url": purchase.success_url,
            "cancel_url": purchase.cancel_url,
            **_discount(purchase.promotion_id),
        }
        try:
            session = await self._client.v1.checkout.sessions.create_async(_any(asked), _keyed(key))
        except stripe.InvalidRequestError as error:
            if purchase.promotion_id and str(error.param).startswith("discounts"):
                return None
            raise
        return _checkout(session.to_dict())

    async def checkout(self, checkout_id: str) -> Checkout | None:
        """A checkout as it is now."""
        session = await existing(self._client.v1.checkout.sessions.retrieve_async(checkout_id), "checkout.session")
        return session and _checkout(session.to_dict())

    async def expire_checkout(self, checkout_id: str) -> None:
        """Close a checkout. One that is not open stays as it is."""
        with suppress(stripe.InvalidRequestError):
            await self._client.v1.checkout.sessions.expire_async(checkout_id)

    async def open_portal(self, customer_id: str, return_url: str, *, key: str) -> str:
        """The address of the customer's portal."""
        asked = {"customer": customer_id, "return_url": return_url}
        return (await self._client.v1.billing_portal.sessions.create_async(_any(asked), _keyed(key))).url

    async def quote(self, change: PlanChange) -> Quote:
        """The invoice that a change would make."""
        asked = {"subscription": change.subscription_id, "subscription_details": _change(change)}
        return await self._preview(asked)

    async def next_quote(self, change: PlanChange) -> Quote:
        """The invoice of a whole period after a change."""
        details = {"items": _items(change), "proration_behavior": "none"}
        asked = {"subscription": change.subscription_id, "subscription_details": details}
        return await self._preview(asked)

    async def _preview(self, asked: Parameters) -> Quote:
        with _of_what_is_there():
            answer = await self._client.v1.invoices.create_preview_async(_any(asked))
        return _quote(answer.to_dict())

    async def change_plan(self, change: PlanChange, *, key: str) -> SubscriptionSnapshot:
        """Change the price if the difference can be charged. Raises PaymentDeclined."""
        asked = _change(change) | {"payment_behavior": "pending_if_incomplete", "expand": ["latest_invoice"]}
        try:
            with _of_what_is_there():
                answer = await self._client.v1.subscriptions.update_async(
                    change.subscription_id, _any(asked), _keyed(key)
                )
        except stripe.CardError as error:
            raise PaymentDeclined(error.code) from error
        told = answer.to_dict()
        if told.get("pending_update"):
            raise PaymentDeclined(None, (told["latest_invoice"] or {}).get("hosted_invoice_url"))
        return subscription_of(told)

    async def cancel(self, subscription_id: str, *, key: str) -> SubscriptionSnapshot:
        """End a subscription now."""
        with _of_what_is_there():
            answer = await self._client.v1.subscriptions.cancel_async(subscription_id, {}, _keyed(key))
        return subscription_of(answer.to_dict())

    async def end_with_period(self, subscription_id: str, *, ends: bool, key: str) -> SubscriptionSnapshot:
        """Let a subscription end with its period, or go on: then an end that the portal has set is taken back, too.

        The flag and the moment are never sent together: one request may change one of them.
        """
        told = await self._update(subscription_id, {"cancel_at_period_end": ends}, key)
        if not ends and told.get("cancel_at") is not None:
            told = await self._update(subscription_id, {"cancel_at": ""}, f"{key}-moment")
        return subscription_of(told)

    async def end_trial(self, subscription_id: str, *, key: str) -> SubscriptionSnapshot:
        """Let a trial end now."""
        asked = {"trial_end": "now", "proration_behavior": "none"}
        return subscription_of(await self._update(subscription_id, asked, key))

    async def _update(self, subscription_id: str, asked: Parameters, key: str) -> Parameters:
        with _of_what_is_there():
            answer = await self._client.v1.subscriptions.update_async(subscription_id, _any(asked), _keyed(key))
        told: Parameters = answer.to_dict()
        return told

    async def forget_customer(self, customer_id: str) -> None:
        """Delete a customer, unless that was done before."""
        try:
            await self._client.v1.customers.delete_async(customer_id)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise


@contextmanager
def _of_what_is_there() -> Generator[None]:
    try:
        yield
    except stripe.InvalidRequestError as error:
        if error.code in OVER:
            raise SubscriptionOver from error
        raise


def _any(parameters: Parameters) -> Any:
    return parameters


def _keyed(key: str) -> Any:
    return {"idempotency_key": key}


def _discount(promotion_id: str | None) -> Parameters:
    return {"discounts": [{"promotion_code": promotion_id}]} if promotion_id else {"allow_promotion_codes": True}


def _items(change: PlanChange) -> list[Parameters]:
    return [{"id": change.item_id, "price": change.price_id}]


def _change(change: PlanChange) -> Parameters:
    return {
        "items": _items(change),
        "proration_behavior": "always_invoice",
        "proration_date": int(change.at.timestamp()),
    }


def _product(shape: Parameters) -> Product:
    return Product(
        shape["id"], shape["name"], shape["description"] or "", shape["active"], dict(shape["metadata"] or {})
    )


def _price(shape: Parameters) -> Price:
    return Price(
        product_id=shape["product"],
        lookup_key=shape["lookup_key"],
        currency=shape["currency"].upper(),
        amount=shape["unit_amount"],
        interval=(shape["recurring"] or {}).get("interval"),
        metadata=dict(shape["metadata"] or {}),
        id=shape["id"],
    )


def _checkout(shape: Parameters) -> Checkout:
    return Checkout(shape["id"], shape["url"], shape["status"], time_of(shape["expires_at"]), shape["subscription"])


def _quote(shape: Parameters) -> Quote:
    total, due = amount_of(shape["total"]), amount_of(shape["amount_due"])
    return Quote(
        total=total,
        due=due,
        balance=amount_of(shape["starting_balance"]) + total - due,
        lines=tuple(_line(line) for line in shape["lines"]["data"]),
    )


def _line(shape: Parameters) -> QuoteLine:
    off = sum(amount_of(discount["amount"]) for discount in shape["discount_amounts"] or [])
    return QuoteLine(shape["description"] or "", amount_of(shape["amount"]) - off, time_of(shape["period"]["end"]))
