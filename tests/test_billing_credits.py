"""Nobody has money or time back that they have not paid for."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.cursors import encode_id
from core.settings import Settings
from tests.billing import Shop, buy, hear, opened_door, priced, renewed
from tests.clock import ManualClock
from tests.porchlight import Person, Porchlight
from tests.test_billing_changes import CHANGE, MONTHLY, YEARLY, change

MOMENT = """
query Moment($plan: ID!, $at: DateTime) { planChangePreview(planId: $plan, proratedAt: $at) { proratedAt } }
"""
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


async def test_no_time_is_given_back_twice(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """A dearer plan that is left within the hour has been used: its minutes are paid, whatever moment is named."""
    door.app.catalogue = priced(
        door.app.catalogue, replace(door.app.catalogue.trial_plan, key="huge", prices={"EUR": 1_900_000})
    )
    person = await door.register()
    await buy(door, shop, person)
    await clock.advance(timedelta(days=10))
    person, hour = await renewed(door, person), clock.now()
    await clock.advance(timedelta(minutes=1))
    assert (await change(door, person, encode_id("Plan", "huge"), hour.isoformat()))["__typename"] != "PaymentFailed"
    changed_at = clock.now()
    await clock.advance(timedelta(minutes=50))
    person = await renewed(door, person)
    for at in (hour.isoformat(), None):
        asked = {"plan": MONTHLY, "at": at}
        said = (await door.ask(MOMENT, asked, token=person.access_token))["planChangePreview"]
        assert said["proratedAt"] == changed_at.isoformat()
    assert (await change(door, person, MONTHLY, hour.isoformat()))["__typename"] == "ChangePlanSuccess"
    taken, given = [each["total"] for each in shop.all("invoice")[1:]]
    assert taken + given > 0


async def test_there_and_back_and_there_again(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """Four changes within a minute of a trial are four requests: what we say is what the provider has."""
    person = await door.register()
    ends = clock.now() + timedelta(days=9)
    await buy(door, shop, person, trial_end=int(ends.timestamp()))
    for plan in (YEARLY, MONTHLY, YEARLY, MONTHLY):
        result = await change(door, person, plan)
        (item,) = shop.all("subscription")[0]["items"]["data"]
        with shop.site.store.change(shop.site.now()) as docs:
            price = docs.get("price", item["price"])
        assert price["metadata"]["plan"] == result["subscription"]["plan"]["key"]
        assert encode_id("Plan", price["metadata"]["plan"]) == plan
