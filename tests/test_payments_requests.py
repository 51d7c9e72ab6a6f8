"""What the payments port sends to Stripe: each request has only parameters that Stripe's own SDK knows."""

import json
from collections.abc import AsyncGenerator, Generator
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.payments import Payments, StripePayments, SubscriptionPage
from adapters.payments.selling import PlanChange, Price, Product, Purchase, SubscriptionOver
from adapters.payments.simulated import SimulatedStripe, purchasing
from adapters.payments.simulated.subscribing import Part, Wish, begin
from adapters.payments.simulated.wallets import attach
from tests.clock import START, ManualClock
from tests.services.stripe import KEY
from tests.services.stripe_parameters import Checked

PRODUCT = Product("prod_pro", "Pro", "Everything.", active=True, metadata={"plan": "pro"})
PRICE = Price("prod_pro", "pro-eur", "EUR", 1_900, "month", {"plan": "pro"})


PURCHASE = Purchase("", "", "https://example.com/ok", "https://example.com/no", "user 1")


@pytest.fixture
def site() -> Generator[SimulatedStripe]:
    """A server in memory."""
    opened = SimulatedStripe(ManualClock())
    yield opened
    opened.store.close()


@pytest.fixture
async def payments(site: SimulatedStripe) -> AsyncGenerator[Payments]:
    """The port; whatever it asks is looked at."""
    opened = StripePayments(KEY, base="http://stripe.simulated", site=Checked(site))
    yield opened
    await opened.close()


async def test_what_is_sold_is_asked_for_in_the_sdks_words(payments: Payments) -> None:
    """Products, prices, promotions, customers, checkout and the portal."""
    for new in (True, False):
        await payments.write_product(PRODUCT, new=new, key=f"product {new}")
    assert await payments.products([PRODUCT.id]) == [PRODUCT]
    price = await payments.create_price(PRICE, key="price")
    assert await payments.prices(["pro-eur"]) == [price]
    assert await payments.promotion("HELLO") is None
    assert await payments.card_of("pm_card_visa")
    customer = await payments.create_customer("ada@example.com", "user 1", key="customer")
    purchase = replace(PURCHASE, customer_id=customer, price_id=price.id)
    for trial_end in (None, START + timedelta(days=7)):
        checkout = await payments.start_checkout(replace(purchase, trial_end=trial_end), key=f"checkout {trial_end}")
        assert checkout
        assert await payments.checkout(checkout.id) == checkout
        await payments.expire_checkout(checkout.id)
    assert await payments.start_checkout(replace(purchase, promotion_id="promo_no"), key="promotion") is None
    assert await payments.open_portal(customer, "https://example.com", key="portal")
    await payments.forget_customer(customer)


async def test_what_was_sold_is_asked_for_in_the_sdks_words(site: SimulatedStripe, payments: Payments) -> None:
    """Quotes, changes, ends, and what the reconciliation reads."""
    await payments.write_product(PRODUCT, new=True, key="product")
    low = await payments.create_price(PRICE, key="price")
    high = await payments.create_price(replace(PRICE, amount=4_900, lookup_key="big-eur"), key="big")
    customer = await payments.create_customer("ada@example.com", "user 1", key="customer")
    with site.store.change(site.now()) as docs:
        buyer = docs.get("customer", customer)
        attach(docs, "pm_card_visa", buyer)
        [card] = docs.all("payment_method")
        made = begin(docs, Wish(buyer, [Part(docs.get("price", low.id))], "eur", method=card["id"]))
        change = PlanChange(made["id"], made["items"]["data"][0]["id"], high.id, START)
    name = change.subscription_id
    assert (await payments.quote(change)).total == 3_000
    assert (await payments.next_quote(change)).total == 4_900
    assert (await payments.change_plan(change, key="change")).price_id == high.id
    assert (await payments.end_with_period(name, ends=True, key="end")).cancel_at_period_end
    assert not (await payments.end_with_period(name, ends=False, key="go on")).cancel_at_period_end
    with site.store.change(site.now()) as docs:
        purchasing.cancel(docs, docs.get("subscription", name))
    found = await payments.subscription(name)
    assert found
    assert found.cancel_at_period_end
    assert not (await payments.end_with_period(name, ends=False, key="go on after all")).cancel_at_period_end
    found = await payments.subscription(name)
    assert found
    assert not found.cancel_at_period_end
    assert found.latest_invoice_id
    assert await payments.invoice(found.latest_invoice_id)
    assert await payments.live_subscriptions(None) == SubscriptionPage([found], None)
    events, _ = await payments.undelivered_events(START - timedelta(days=1), None)
    assert "customer.subscription.updated" in [json.loads(event)["type"] for event in events]
    assert (await payments.cancel(name, key="cancel")).status == "canceled"
    with pytest.raises(SubscriptionOver):
        await payments.cancel(name, key="again")
    with site.store.change(site.now()) as docs:
        wish = Wish(docs.get("customer", customer), [Part(docs.get("price", low.id))], "eur", method=card["id"])
        trial = begin(docs, replace(wish, trial_end=site.now() + 86_400))
    assert (await payments.end_trial(trial["id"], key="trial")).status == "active"
