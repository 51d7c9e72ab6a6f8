"""Nobody has money or time back that they have not paid for."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from core.settings import Settings
from tests.billing import Shop, buy, hear, opened_door, renewed
from tests.clock import ManualClock
from tests.porchlight import Person, Porchlight
from tests.test_billing_changes import CHANGE, MONTHLY, YEARLY, change

pytestmark = pytest.mark.parametrize("settings", ["embedded"], indirect=True)


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    """The provider."""
    return Shop(clock)


@pytest.fixture
async def door(shop: Shop, settings: Settings) -> AsyncGenerator[Porchlight]:
    """A server that sells by it."""
    async with opened_door(shop, settings) as door:
        yield door


async def with_card(shop: Shop, name: str, card: str) -> None:
    """Let another card pay a subscription."""
    sdk = shop.sdk()
    method = await sdk.v1.payment_methods.attach_async(card, {"customer": shop.all("customer")[0]["id"]})
    await sdk.v1.subscriptions.update_async(name, {"default_payment_method": method.id})


async def after_trial(shop: Shop, door: Porchlight, **more: Any) -> tuple[Person, str]:
    """Somebody whose year has begun with the end of their trial, and is not paid yet."""
    person = await door.register()
    ends = door.clock.now() + timedelta(days=9)
    name = await buy(door, shop, person, "pro-yearly", trial_end=int(ends.timestamp()), **more)
    await door.clock.advance(timedelta(days=9, minutes=10))
    shop.site.advance()
    return await renewed(door, person), name


async def test_a_year_that_is_not_paid_gives_no_credit(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """In the hour in which its invoice is a draft; once it is paid, the change is made."""
    person, name = await after_trial(shop, door)
    assert [each["status"] for each in shop.all("invoice")] == ["paid", "draft"]
    asked = len(shop.changes)
    answer = (await door.post(CHANGE, {"plan": MONTHLY}, token=person.access_token)).json()
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["retryAfter"]) == ("UNAVAILABLE", 3000)
    assert len(shop.changes) == asked
    assert shop.all("customer")[0]["balance"] == 0
    await clock.advance(timedelta(minutes=51))
    await hear(door, name)
    person = await renewed(door, person)
    assert (await change(door, person, MONTHLY))["__typename"] == "ChangePlanSuccess"


@pytest.mark.parametrize("status", ["open", "uncollectible", "void"])
async def test_what_is_not_paid_is_paid_first(shop: Shop, door: Porchlight, status: str) -> None:
    """An invoice that nobody has charged yet, or will, however active the subscription is."""
    person, _ = await after_trial(shop, door)
    with shop.site.store.change(shop.site.now()) as docs:
        invoice = docs.all("invoice")[-1]
        invoice.update(status=status, hosted_invoice_url="https://pay.example/in")
        docs.save(invoice)
    result = await change(door, person, MONTHLY)
    assert (result["__typename"], result["hostedUrl"]) == ("PaymentFailed", "https://pay.example/in")
    assert shop.all("customer")[0]["balance"] == 0


async def test_a_change_that_waits_for_its_payment_gives_way(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """Its open invoice is no debt, nor is it once it is void: another change takes its place."""
    person = await door.register()
    name = await buy(door, shop, person)
    await with_card(shop, name, "pm_card_chargeCustomerFail")
    assert (await change(door, person))["__typename"] == "PaymentFailed"
    assert shop.all("invoice")[-1]["status"] == "open"
    await with_card(shop, name, "pm_card_visa")
    await clock.advance(timedelta(minutes=1))
    assert (await change(door, person))["__typename"] == "ChangePlanSuccess"
    assert [each["status"] for each in shop.all("invoice")] == ["paid", "void", "paid"]


async def test_a_change_that_was_given_up_is_no_debt(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """A day later its invoice is void, and the next try is made."""
    person = await door.register()
    name = await buy(door, shop, person)
    await with_card(shop, name, "pm_card_chargeCustomerFail")
    assert (await change(door, person))["__typename"] == "PaymentFailed"
    await with_card(shop, name, "pm_card_visa")
    await clock.advance(timedelta(hours=24))
    person = await renewed(door, person)
    await hear(door, name)
    assert shop.all("invoice")[-1]["status"] == "void"
    assert (await change(door, person, YEARLY))["__typename"] == "ChangePlanSuccess"
