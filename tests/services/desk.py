"""The simulated Stripe as a client sees it: asked by Stripe's own SDK in the process, at a time that tests move."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import stripe

from adapters.payments import API_VERSION
from adapters.payments.sdk import Wire
from adapters.payments.simulated import Rules, SimulatedStripe
from tests.clock import START, ManualClock
from tests.services.stripe import KEY
from tests.services.stripe_parameters import Checked


@dataclass
class Desk:
    """A server, its time and its client. `told` empties the list of what has happened."""

    clock: ManualClock
    site: SimulatedStripe
    api: Any
    client: stripe.StripeClient
    seen: int = field(default=0)

    async def wait(self, **time: float) -> None:
        """Let time pass, and everything happen that is due by then."""
        await self.clock.advance(timedelta(**time))
        self.site.advance()

    async def until(self, year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> None:
        """Let time pass until a moment in UTC."""
        await self.clock.jump(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
        self.site.advance()

    def told(self) -> list[dict[str, Any]]:
        """The events since the last time, in their order."""
        with self.site.store.change(self.site.now()) as docs:
            rows = docs.connection.execute("SELECT seq, content FROM events WHERE seq > ? ORDER BY seq", (self.seen,))
            found = rows.fetchall()
        self.seen = found[-1][0] if found else self.seen
        return [json.loads(content) for _, content in found]

    def kinds(self) -> list[str]:
        """The types of the events since the last time."""
        return [event["type"] for event in self.told()]

    async def customer(self, card: str | None = "pm_card_visa", **more: Any) -> Any:
        """Somebody who pays with a card."""
        customer = await self.api.customers.create_async({"email": "ada@example.com", **more})
        if card:
            method = await self.api.payment_methods.attach_async(card, {"customer": customer.id})
            settings = {"invoice_settings": {"default_payment_method": method.id}}
            customer = await self.api.customers.update_async(customer.id, settings)
        return customer

    async def price(self, amount: int, currency: str = "eur", interval: str = "month", **more: Any) -> Any:
        """A price that recurs, of a product of its own."""
        recurring = {"interval": interval}
        new = {"product_data": {"name": f"Plan of {amount}"}, "unit_amount": amount, "currency": currency}
        return await self.api.prices.create_async({"recurring": recurring, **new, **more})

    async def subscribed(self, customer: Any, price: Any, quantity: int = 1, **more: Any) -> Any:
        """A new subscription."""
        items = [{"price": price.id, "quantity": quantity}]
        return await self.api.subscriptions.create_async({"customer": customer.id, "items": items, **more})

    async def changed(self, subscription: Any, price: Any, **more: Any) -> Any:
        """The same subscription with another price, billed at once."""
        asked = self.change(subscription, price) | {"expand": ["latest_invoice"], **more}
        return await self.api.subscriptions.update_async(subscription.id, asked)

    def change(self, subscription: Any, price: Any, quantity: int | None = None) -> dict[str, Any]:
        """The parameters of a change that is billed at once."""
        item = {"id": subscription["items"].data[0].id, "price": price.id}
        items = [item | ({"quantity": quantity} if quantity is not None else {})]
        return {"items": items, "proration_behavior": "always_invoice"}

    async def previewed(self, subscription: Any, details: dict[str, Any]) -> Any:
        """What the invoice of a change would be."""
        asked = {"subscription": subscription.id, "subscription_details": details}
        return await self.api.invoices.create_preview_async(asked)


@asynccontextmanager
async def at_the_desk(start: datetime = START, rules: Rules | None = None) -> AsyncGenerator[Desk]:
    """A new server without memory. Each request has only parameters that Stripe's SDK knows."""
    clock = ManualClock(start)
    site = SimulatedStripe(clock, rules=rules)
    transport = httpx.ASGITransport(app=Checked(site))
    async with httpx.AsyncClient(transport=transport) as http:
        client = stripe.StripeClient(
            KEY,
            stripe_version=API_VERSION,
            base_addresses={"api": "http://stripe.simulated"},
            http_client=Wire(http),
            max_network_retries=0,
        )
        yield Desk(clock, site, client.v1, client)
    site.store.close()


def amounts(invoice: Any) -> list[int]:
    """What stands on each line."""
    return [line.amount for line in invoice.lines.data]
