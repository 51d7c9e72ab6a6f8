"""What a preview says is what the invoice says that follows, to the minor unit."""

import random
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.cursors import encode_id
from core.settings import Settings
from models import User
from services.billing import BillingInterval, Plan
from services.billing.changing import change_plan
from services.billing.previewing import Preview, preview_change
from tests.billing import Shop, buy, hear, opened_door, priced, renewed
from tests.clock import ManualClock
from tests.porchlight import Person, Porchlight

MONTHLY, YEARLY = encode_id("Plan", "pro-monthly"), encode_id("Plan", "pro-yearly")
PREVIEW = """
query Preview($plan: ID!, $at: DateTime) {
  planChangePreview(planId: $plan, proratedAt: $at) {
    dueNow { amount currency } nextCharge { amount currency } nextChargeAt proratedAt
    lines { description amount { amount currency } }
  }
}
"""
embedded = pytest.mark.parametrize("settings", ["embedded"], indirect=True)


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    """The provider."""
    return Shop(clock)


@pytest.fixture
async def door(shop: Shop, settings: Settings) -> AsyncGenerator[Porchlight]:
    """A server that sells by it."""
    async with opened_door(shop, settings) as door:
        yield door


async def preview(door: Porchlight, person: Person, plan: str, at: str | None = None) -> dict[str, Any]:
    """What `planChangePreview` answers."""
    found = await door.ask(PREVIEW, {"plan": plan, "at": at}, token=person.access_token)
    return dict(found["planChangePreview"])


async def test_a_preview_says_what_is_charged(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """Worked out by hand: from a month to a year, ten days in; how many statements that takes."""
    person = await door.register()
    await buy(door, shop, person)
    await clock.advance(timedelta(days=10, minutes=42))
    person, asked = await renewed(door, person), len(shop.changes)
    with door.counting_queries() as statements:
        found = await preview(door, person, YEARLY)
    assert len(statements) == 5, statements
    euros = {"currency": "EUR"}
    # 21 of 31 days are given back: 1900 * 21 / 31 = 1287.1. The 42 minutes of the present hour do not count.
    assert found == {
        "dueNow": {"amount": 19000 - 1287, **euros},
        "nextCharge": {"amount": 19000, **euros},
        "nextChargeAt": "2027-03-12T09:42:00+00:00",
        "proratedAt": "2026-03-12T09:00:00+00:00",
        "lines": [
            {"description": "Unused: Pro x1", "amount": {"amount": -1287, **euros}},
            {"description": "Pro, yearly x1", "amount": {"amount": 19000, **euros}},
        ],
    }
    assert [each for each in shop.changes[asked:] if not each.endswith("create_preview")] == []
    same = await preview(door, person, MONTHLY)
    assert (same["dueNow"]["amount"], same["nextCharge"]["amount"], same["lines"]) == (0, 1900, [])
    assert same["nextChargeAt"] == "2026-04-02T09:00:00+00:00"


@embedded
async def test_a_credit_is_taken_off_what_comes_next(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """From a year to a month: nothing is due, and nothing for some months."""
    person = await door.register()
    await buy(door, shop, person, "pro-yearly")
    await clock.advance(timedelta(days=73))
    person = await renewed(door, person)
    found = await preview(door, person, MONTHLY)
    assert (found["dueNow"]["amount"], found["nextCharge"]["amount"]) == (0, 0)
    assert sum(line["amount"]["amount"] for line in found["lines"]) == 1900 - 15200
    assert found["nextChargeAt"] == "2026-06-14T09:00:00+00:00"


@embedded
async def test_a_change_in_a_trial_costs_nothing_and_what_ends_is_not_charged(
    shop: Shop, door: Porchlight, clock: ManualClock
) -> None:
    """The first charge is the new price's; after a cancellation there is none."""
    person = await door.register()
    trial_end = clock.now() + timedelta(days=9)
    name = await buy(door, shop, person, trial_end=int(trial_end.timestamp()))
    found = await preview(door, person, YEARLY)
    assert (found["dueNow"]["amount"], found["nextCharge"]["amount"], found["lines"]) == (0, 19000, [])
    assert found["nextChargeAt"] == trial_end.isoformat()
    await shop.sdk().v1.subscriptions.update_async(name, {"cancel_at_period_end": True})
    await hear(door, name)
    assert (await preview(door, person, YEARLY))["nextCharge"]["amount"] == 0


@embedded
async def test_a_period_of_which_nobody_has_told_us(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """It began half an hour ago: time counts from its beginning, and the change is made."""
    person = await door.register()
    await buy(door, shop, person)
    await clock.advance(timedelta(days=31, minutes=30))
    person = await renewed(door, person)
    found = await preview(door, person, YEARLY)
    assert (found["dueNow"]["amount"], found["proratedAt"]) == (
        19000 - 1900,
        "2026-04-02T09:00:00+00:00",
    )


# ── twenty random changes ───────────────────────────────────────────────────────────────────────────────────────────

PRICES = {
    "small": {"EUR": 999, "JPY": 1480, "KWD": 3330},
    "large": {"EUR": 4997, "JPY": 7777, "KWD": 12340},
    "small-year": {"EUR": 9901, "JPY": 14803, "KWD": 33330},
    "large-year": {"EUR": 50003, "JPY": 77771, "KWD": 123450},
}


def sold(pattern: Plan) -> list[Plan]:
    """Plans of two sizes and both intervals."""
    return [
        replace(
            pattern,
            key=key,
            name=key,
            interval=BillingInterval.YEAR if key.endswith("year") else BillingInterval.MONTH,
            prices=prices,
        )
        for key, prices in PRICES.items()
    ]


async def foretold(door: Porchlight, user: User, chosen: str, dice: random.Random) -> Preview:
    """A preview, and the change that follows it within the hour: the invoice's lines and amount are the same."""
    app, clock = door.app, door.clock
    await clock.advance(timedelta(seconds=dice.randrange(20 * 86_400)))
    said = await preview_change(app, user, chosen, prorated_at=None)
    await clock.advance(timedelta(seconds=dice.randrange(1, 3000)))
    if clock.now() - said.prorated_at > timedelta(hours=1):
        await clock.jump(said.prorated_at + timedelta(minutes=59))
    await change_plan(app, user, chosen, prorated_at=said.prorated_at)
    return said


@embedded
@pytest.mark.parametrize(("currency", "changes", "seed"), [("EUR", 8, 1), ("JPY", 6, 2), ("KWD", 6, 3)])
async def test_twenty_random_changes(
    shop: Shop, door: Porchlight, clock: ManualClock, currency: str, changes: int, seed: int
) -> None:
    """The invoice of each is its preview, line by line, and the next charge is what was said."""
    dice = random.Random(seed)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same dice each time
    app = door.app
    app.catalogue = priced(app.catalogue, *sold(app.catalogue.trial_plan))
    person, present = await door.register(), "small"
    coupon = await shop.sdk().v1.coupons.create_async({"percent_off": 33.3, "duration": "forever"})
    name = await buy(door, shop, person, present, currency=currency, discounts=[{"coupon": coupon.id}])
    for _ in range(changes):
        chosen = dice.choice([key for key in PRICES if key != present])
        with app.database.bound():
            said = await foretold(door, await User.get(id=person.user_id), chosen, dice)
        invoice = shop.all("invoice")[-1]
        assert (invoice["amount_due"], invoice["status"]) == (said.due_now, "paid")
        assert [line["description"] for line in invoice["lines"]["data"]] == [line.description for line in said.lines]
        assert invoice["total"] == sum(line.amount for line in said.lines)
        with app.database.bound():
            again = await preview_change(app, await User.get(id=person.user_id), chosen, prorated_at=None)
        assert again.next_charge == said.next_charge
        await clock.jump(again.next_charge_at + timedelta(hours=2))
        await hear(door, name)
        invoice = shop.all("invoice")[-1]
        assert (invoice["amount_due"], invoice["billing_reason"]) == (said.next_charge, "subscription_cycle")
        assert datetime.fromtimestamp(invoice["created"], UTC) == again.next_charge_at
        present = chosen
