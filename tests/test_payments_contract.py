"""What we rely on of Stripe, asked of our own server, and of Stripe's test mode where TEST_STRIPE_API_KEY is set."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe

from adapters.payments import API_VERSION, StripePayments
from adapters.payments.sdk import Wire
from adapters.payments.selling import PlanChange, Price, Product, Purchase
from adapters.payments.simulated import SimulatedStripe
from core.clock import SystemClock
from tests.services.stripe import KEY, listening

VARIABLE = "TEST_STRIPE_API_KEY"
REAL = [pytest.param("stripe", marks=pytest.mark.enable_socket)] if os.environ.get(VARIABLE) else []
SERVERS = ["simulated", *REAL]


@dataclass
class Desk:
    """The port, and the SDK for what customers do themselves on Stripe's pages."""

    payments: StripePayments
    sdk: stripe.StripeClient
    run: str

    async def price(self, product: Product, interval: str, amount: int) -> Price:
        price = Price(product.id, f"{self.run}:{interval}", "EUR", amount, interval)
        return await self.payments.create_price(price, key=f"{self.run}-{interval}")

    async def subscribed(self, customer: str, price: Price, card: str) -> Any:
        """A subscription that is paid with a test card."""
        method = await self.sdk.v1.payment_methods.attach_async(card, {"customer": customer})
        return await self.sdk.v1.subscriptions.create_async(
            {"customer": customer, "items": [{"price": price.id}], "default_payment_method": method.id}
        )


@pytest.fixture(params=SERVERS)
async def desk(request: pytest.FixtureRequest) -> AsyncGenerator[Desk]:
    """Each server that there is to ask."""
    run = f"porchlight{uuid4().hex[:12]}"
    async with AsyncExitStack() as stack:
        key, base = os.environ.get(VARIABLE, ""), None
        if request.param == "simulated":
            key, base = KEY, await stack.enter_async_context(listening(SimulatedStripe(SystemClock())))
        assert key.startswith(("sk_test_", "rk_test_")), "a key of test mode"
        payments = StripePayments(key, base=base, deadline=20)
        stack.push_async_callback(payments.close)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=20))
        where: Any = {"base_addresses": {"api": base}} if base else {}
        yield Desk(payments, stripe.StripeClient(key, stripe_version=API_VERSION, http_client=Wire(http), **where), run)


async def test_what_is_sold_is_bought_changed_and_ended(desk: Desk) -> None:
    """Products and prices by our keys, a purchase, a change that costs what was quoted, an end, and an end at once."""
    payments, run = desk.payments, desk.run
    product = Product(f"plan_{run}", "Porchlight's contract", "Of a test.", active=True, metadata={"plan": run})
    await payments.write_product(product, new=True, key=f"{run}-product")
    assert await payments.products([product.id]) == [product]
    monthly, yearly = await desk.price(product, "month", 1900), await desk.price(product, "year", 19000)
    assert {each.amount for each in await payments.prices([f"{run}:month", f"{run}:year"])} == {1900, 19000}

    customer = await payments.create_customer("ada@example.com", run, key=f"{run}-customer")
    assert await payments.create_customer("ada@example.com", run, key=f"{run}-customer") == customer
    bought = await payments.subscription((await desk.subscribed(customer, monthly, "pm_card_visa")).id)
    assert bought is not None
    assert (bought.status, bought.price_id, bought.currency) == ("active", monthly.id, "EUR")
    assert bought.latest_invoice_id is not None
    first = await payments.invoice(bought.latest_invoice_id)
    assert first is not None
    assert (first.status, first.total, first.amount_paid, first.currency) == ("paid", 1900, 1900, "EUR")

    change = PlanChange(bought.id, bought.item_id, yearly.id, bought.period_start)
    quote = await payments.quote(change)
    changed = await payments.change_plan(change, key=f"{run}-change")
    assert (changed.price_id, changed.status) == (yearly.id, "active")
    assert changed.latest_invoice_id is not None
    billed = await payments.invoice(changed.latest_invoice_id)
    assert billed is not None
    assert (billed.status, billed.total, billed.amount_paid) == ("paid", quote.total, quote.due)

    assert (await payments.end_with_period(bought.id, ends=True, key=f"{run}-ends")).cancel_at_period_end
    assert not (await payments.end_with_period(bought.id, ends=False, key=f"{run}-stays")).cancel_at_period_end
    assert (await payments.cancel(bought.id, key=f"{run}-over")).status == "canceled"
    await payments.forget_customer(customer)


async def test_a_card_that_is_declined_gives_nothing(desk: Desk) -> None:
    """A purchase whose first charge fails is incomplete, and its invoice is open with a page to pay it on."""
    payments, run = desk.payments, desk.run
    product = Product(f"plan_{run}", "Porchlight's contract", "Of a test.", active=True, metadata={})
    await payments.write_product(product, new=True, key=f"{run}-product")
    customer = await payments.create_customer("bob@example.com", run, key=f"{run}-customer")
    bought = await desk.subscribed(customer, await desk.price(product, "month", 1900), "pm_card_chargeCustomerFail")
    row = await payments.subscription(bought.id)
    assert row is not None
    assert row.status == "incomplete"
    assert row.latest_invoice_id is not None
    invoice = await payments.invoice(row.latest_invoice_id)
    assert invoice is not None
    assert (invoice.status, invoice.amount_due, invoice.amount_paid) == ("open", 1900, 0)
    assert invoice.hosted_url is not None
    await payments.forget_customer(customer)


async def test_a_page_is_opened_and_closed(desk: Desk) -> None:
    """A checkout in a trial, the same one for the same key, until it is closed."""
    payments, run = desk.payments, desk.run
    product = Product(f"plan_{run}", "Porchlight's contract", "Of a test.", active=True, metadata={})
    await payments.write_product(product, new=True, key=f"{run}-product")
    price = await desk.price(product, "month", 1900)
    customer = await payments.create_customer("eve@example.com", run, key=f"{run}-customer")
    purchase = Purchase(
        customer_id=customer,
        price_id=price.id,
        success_url="https://porchlight.example/thanks",
        cancel_url="https://porchlight.example/plans",
        reference=run,
        trial_end=SystemClock().now() + timedelta(days=7),
    )
    opened = await payments.start_checkout(purchase, key=f"{run}-page")
    assert opened is not None
    assert (opened.status, opened.subscription_id) == ("open", None)
    assert opened.url is not None
    assert await payments.start_checkout(purchase, key=f"{run}-page") == opened
    await payments.expire_checkout(opened.id)
    closed = await payments.checkout(opened.id)
    assert closed is not None
    assert (closed.status, closed.url) == ("expired", None)
    await payments.forget_customer(customer)
