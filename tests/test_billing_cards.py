"""A card that backs another person's trial: the purchase begins paid, or not at all; and who goes is forgotten."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from adapters.payments.simulated.server import Trouble
from core.errors import Unavailable
from core.settings import Settings
from models import BillingCustomer, FraudAssessment, FraudIdentifier, Invoice, Job, PlanSubscription, User, WebhookEvent
from models import WebhookState as State
from services.billing import cards, following, forgetting
from tests.billing import Shop as Simulated
from tests.billing import buy, opened_door
from tests.clock import START, ManualClock
from tests.porchlight import Person
from tests.services.book import MONTH, event, invoice, seconds, subscription
from tests.shop import Shop, opened_shop

DAY = timedelta(days=1)
CARD = {"brand": "visa", "last4": "4242", "country": "US", "funding": "credit"}


def method(name: str, fingerprint: str | None = "f1") -> dict[str, Any]:
    """A payment method of a card."""
    card = {**CARD, "fingerprint": fingerprint}
    return {"id": name, "object": "payment_method", "type": "card", "card": card}


@pytest.fixture
async def shop(settings: Settings, clock: ManualClock, request: pytest.FixtureRequest) -> AsyncGenerator[Shop]:
    """A shop with the policy of the test."""
    policy = getattr(request, "param", "paid")
    async with opened_shop(settings, clock, trial_card_reuse=policy) as shop:
        yield shop


async def buys(shop: Shop, number: int, **facts: Any) -> Person:
    """Somebody buys during their trial, with a payment method of their own."""
    person = await shop.buyer(f"p{number}@example.com", f"cus_{number}")
    facts = {"default_payment_method": f"pm_{number}", "trial_end": seconds(START + 14 * DAY), **facts}
    bought = subscription(id=f"sub_{number}", customer=f"cus_{number}", status="trialing", **facts)
    shop.book.write(bought)
    await shop.deliver(event("customer.subscription.created", bought, id=f"evt_{number}"))
    await shop.work()
    return person


@pytest.mark.parametrize(
    ("shop", "told", "status", "policy"),
    [
        ("paid", "POST /v1/subscriptions/sub_2?trial_end=now&proration_behavior=none", "ACTIVE", "BILL"),
        ("refuse", "DELETE /v1/subscriptions/sub_2", "CANCELED", "REVERT"),
    ],
    indirect=["shop"],
)
async def test_a_reused_card_begins_paid_or_is_refused(shop: Shop, told: str, status: str, policy: str) -> None:
    """The first of those who share a card keeps their trial, and so does who has one of their own."""
    shop.book.write(method("pm_1"), method("pm_2"), method("pm_3", "f3"), method("pm_4", None))
    shop.book.answers = {told: subscription(id="sub_2", customer="cus_2", status=status.lower())}
    people = [await buys(shop, number) for number in (1, 2, 3, 4)]
    await buys(shop, 5, default_payment_method="pm_gone")
    rows = await PlanSubscription.all().order_by("id")
    assert [row.status for row in rows] == ["TRIALING", status, "TRIALING", "TRIALING", "TRIALING"]
    assert [(await shop.trial(person)).end_policy for person in people] == ["BILL", policy, "BILL", "BILL"]
    assert [each for each in shop.book.changed if "sub_" in each] == [told]
    assert await FraudIdentifier.filter(kind="card").count() == 3
    await Job.filter(kind=following.CHECK_CARD).update(due_at=START, done_at=None, attempts=0)
    await shop.work()
    assert await FraudIdentifier.filter(kind="card").count() == 3
    assert [row.status for row in await PlanSubscription.all().order_by("id")] == [row.status for row in rows]


async def test_a_card_of_somebody_who_has_gone_counts(shop: Shop) -> None:
    """Leaving and coming back with the same card is a second trial; what is over by then is left alone."""
    shop.book.write(method("pm_1"), method("pm_2"))
    await buys(shop, 1)
    await FraudAssessment.all().update(user_id=None)
    shop.book.answers = {}
    await buys(shop, 2)
    assert [each for each in shop.book.changed if "sub_" in each] == [
        "POST /v1/subscriptions/sub_2?trial_end=now&proration_behavior=none"
    ]
    assert [row.status for row in await PlanSubscription.all().order_by("id")] == ["TRIALING", "TRIALING"]


async def test_who_goes_is_parted_from_what_they_paid(shop: Shop, clock: ManualClock) -> None:
    """The provider forgets the customer; what was paid stays without a name; late news are nobody's."""
    person = await shop.buyer()
    open_one = invoice(id="in_2", status="open")
    shop.book.write(subscription(), invoice(), open_one)
    await shop.deliver(event("invoice.paid", invoice()), event("invoice.created", open_one, id="evt_2"))
    await shop.work()
    async with shop.porchlight.app.database.transaction():
        await Job.all().delete()
        await forgetting.forget(shop.porchlight.app, await User.get(id=person.user_id))
        await User.all().delete()
    shop.book.answers = {"DELETE /v1/customers/cus_1": {"id": "cus_1", "object": "customer", "deleted": True}}
    await shop.work()
    assert [each for each in shop.book.changed if "customers" in each] == ["DELETE /v1/customers/cus_1"]
    assert await WebhookEvent.all().count() == 0
    assert await Invoice.all().values("provider_id", "user_id", "hosted_url", "total", "number", "status") == [
        {
            "provider_id": "in_1",
            "user_id": None,
            "hosted_url": None,
            "total": 1900,
            "number": "A-0001",
            "status": "PAID",
        }
    ]
    late = event("customer.subscription.deleted", subscription(status="canceled"), id="evt_3")
    await shop.deliver(late)
    await shop.work()
    assert await WebhookEvent.all().values_list("state", "payload") == [(State.PARKED, None)]
    assert await BillingCustomer.all().count() == 0
    shop.book.answers = {}
    await forgetting.forget_customer(shop.porchlight.app, {"customer": "cus_1"})
    grace = await shop.porchlight.register("grace@example.com")
    await forgetting.forget(shop.porchlight.app, await User.get(id=grace.user_id))  # who never bought
    assert await Job.filter(kind=forgetting.FORGET).count() == 1
    await clock.advance(MONTH * 3 + DAY)
    await forgetting.prune(shop.porchlight.app, {})
    assert await WebhookEvent.all().count() == 0


async def test_events_are_forgotten_in_the_end(shop: Shop, clock: ManualClock) -> None:
    """What is done after 35 days, what was parked or given up after 90; what waits stays."""
    for number, state in enumerate(State):
        await WebhookEvent.create(
            event_id=str(number), type="t", created_at=START, received_at=START, state=state, payload=None
        )
    for days, left in ((35, 4), (36, 3), (90, 3), (91, 1)):
        await clock.jump(START + days * DAY)
        await forgetting.prune(shop.porchlight.app, {})
        assert await WebhookEvent.all().count() == left


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_fault_of_the_provider_spares_no_card(settings: Settings, clock: ManualClock) -> None:
    """The trial of a card that was used before ends a minute later, although the first answer is kept for a day."""
    provider = Simulated(clock)
    async with opened_door(provider, settings, trial_card_reuse="paid") as door:
        asked: dict[str, Any] = {}
        for email in ("ada@example.com", "eve@example.com"):
            person = await door.register(email)
            await buy(door, provider, person, trial_end=seconds(START + 14 * DAY))
            bought = provider.all("subscription")[-1]
            asked = {"subscription": bought["id"], "payment_method": bought["default_payment_method"]}
            if email.startswith("ada"):
                with door.app.database.bound():
                    await cards.check(door.app, asked)
        provider.fail("POST /v1/subscriptions", Trouble(500, path="/v1/subscriptions"))
        with door.app.database.bound():
            with pytest.raises(Unavailable):
                await cards.check(door.app, asked)
            await clock.advance(timedelta(minutes=1))
            await cards.check(door.app, asked)
            rows = await PlanSubscription.all().order_by("id")
        assert [row.status for row in rows] == ["TRIALING", "ACTIVE"]
