"""Money and leaving: nobody who goes is charged afterwards, however long the provider is away."""

from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from functools import partial
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs

from adapters.payments.simulated import purchasing
from core.cursors import encode_id
from core.errors import Unavailable
from core.settings import Settings
from models import BillingCustomer, Job, PlanSubscription, User
from services.accounts import DELETION
from services.billing import forgetting, leaving
from tests.billing import Shop, buy, opened_door, renewed
from tests.clock import START, ManualClock
from tests.porchlight import Person, Porchlight
from tests.traces import ask_for_deletion, drain

CANCEL = "mutation { cancelAccountDeletion }"
END = "mutation { cancelSubscription { __typename } }"
BUY = "mutation($input: StartCheckoutInput!) { startCheckout(input: $input) { __typename } }"
HOME = "http://localhost:8000/"
CHOICE = {"input": {"planId": encode_id("Plan", "pro-monthly"), "successUrl": HOME, "cancelUrl": HOME}}
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Break = Callable[[str], AsyncMock]


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    """The provider."""
    return Shop(clock)


@pytest.fixture
async def door(shop: Shop, settings: Settings) -> AsyncGenerator[Porchlight]:
    """A server that sells by it."""
    async with opened_door(shop, settings) as door:
        yield door


@pytest.fixture
def away(door: Porchlight, monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let one question to the provider be in vain; what counts how often it was asked."""

    def breaks(name: str) -> AsyncMock:
        lost = AsyncMock(side_effect=Unavailable)
        monkeypatch.setattr(door.app.payments, name, lost)
        return lost

    return breaks


async def ends(door: Porchlight) -> list[bool]:
    """Whether each subscription ends with its period, as we know it."""
    with door.app.database.bound():
        return [row.cancel_at_period_end for row in await PlanSubscription.all().order_by("id")]


def ends_there(shop: Shop) -> list[bool]:
    """The same, as the provider knows it."""
    return [each["cancel_at_period_end"] for each in shop.all("subscription")]


async def gone(door: Porchlight, shop: Shop) -> None:
    """A customer whose user has been deleted."""
    person = await door.register()
    await buy(door, shop, person)
    async with door.app.database.transaction():
        await Job.all().delete()
        await forgetting.forget(door.app, await User.get(id=person.user_id))
        await User.all().delete()


async def test_a_customer_is_forgotten_after_a_long_absence(
    shop: Shop, door: Porchlight, away: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a minute to eight hours: an ordinary job would have given up after 43 minutes."""
    await gone(door, shop)
    asked = away("forget_customer")
    for minutes in (0, 1, 5, 15, 60, 120, 240, 480, 480, 480):
        await door.clock.advance(minutes * MINUTE)
        await drain(door)
        await drain(door)
    assert asked.await_count == 10
    assert [each["status"] for each in shop.all("subscription")] == ["active"]
    monkeypatch.undo()
    await door.clock.advance(8 * HOUR)
    await drain(door)
    assert [each["status"] for each in shop.all("subscription")] == ["canceled"]
    with door.app.database.bound():
        assert await Job.filter(kind=forgetting.FORGET, due_at__not_isnull=True).count() == 0


async def test_a_customer_who_cannot_be_forgotten_is_told_of_loudly(shop: Shop, door: Porchlight, away: Break) -> None:
    """After 30 days: by an error in the log, and a metric."""
    await gone(door, shop)
    away("forget_customer")
    with door.app.database.bound():
        payload = (await Job.get(kind=forgetting.FORGET)).payload
        await door.clock.jump(START + 30 * DAY)
        with capture_logs() as logs:
            await forgetting.forget_customer(door.app, payload)
        assert await Job.filter(kind=forgetting.FORGET).count() == 1
    [told] = [each for each in logs if each["event"] == "billing.given_up"]
    assert (told["log_level"], told["subject"]) == ("error", payload["customer"])
    assert door.app.metrics.given_up.labels(forgetting.FORGET)._value.get() == 1


async def test_asking_for_deletion_ends_the_subscription_with_its_period(shop: Shop, door: Porchlight) -> None:
    """No renewal is charged in the two weeks, nothing new is bought, and calling it off lets the plan go on."""
    person = await door.register()
    await buy(door, shop, person)
    await ask_for_deletion(door, person.access_token)
    await drain(door)
    assert (await ends(door), ends_there(shop)) == ([True], [True])
    assert await door.codes(BUY, CHOICE, token=person.access_token) == ["BAD_USER_INPUT"]
    await door.ask(CANCEL, token=person.access_token)
    await drain(door)
    assert (await ends(door), ends_there(shop)) == ([False], [False])


async def test_what_its_owner_had_ended_stays_so(shop: Shop, door: Porchlight) -> None:
    """Calling the deletion off undoes what the deletion did, and nothing else."""
    person = await door.register()
    await buy(door, shop, person)
    await door.ask(END, token=person.access_token)
    await ask_for_deletion(door, person.access_token)
    await drain(door)
    await door.ask(CANCEL, token=person.access_token)
    await drain(door)
    assert ends_there(shop) == [True]


async def test_the_page_of_payment_is_closed(shop: Shop, door: Porchlight) -> None:
    """And what was bought on it just before, of which we have not heard, ends too."""
    person = await door.register()
    await door.ask(BUY, CHOICE, token=person.access_token)
    await ask_for_deletion(door, person.access_token)
    await drain(door)
    assert [page["status"] for page in shop.all("checkout.session")] == ["expired"]
    other = await door.register("grace@example.com")
    await door.ask(BUY, CHOICE, token=other.access_token)
    with shop.site.store.change(shop.site.now()) as docs:
        purchasing.complete(docs, docs.all("checkout.session")[-1], "pm_card_visa")
    await ask_for_deletion(door, other.access_token)
    await drain(door)
    assert ends_there(shop) == [True]


async def test_leaving_waits_for_the_provider(
    shop: Shop, door: Porchlight, away: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does staying; a deletion that was called off meanwhile ends nothing."""
    person = await door.register()
    await buy(door, shop, person)
    away("end_with_period")
    await ask_for_deletion(door, person.access_token)
    await drain(door)
    assert ends_there(shop) == [False]
    monkeypatch.undo()
    await door.clock.advance(MINUTE)
    await drain(door)
    assert ends_there(shop) == [True]
    away("end_with_period")
    person = await renewed(door, person)
    await door.ask(CANCEL, token=person.access_token)
    await drain(door)
    assert ends_there(shop) == [True]
    monkeypatch.undo()
    await door.clock.advance(MINUTE)
    await drain(door)
    assert ends_there(shop) == [False]
    await ask_for_deletion(door, person.access_token)
    await door.ask(CANCEL, token=person.access_token)
    await drain(door)
    assert (ends_there(shop), await ends(door)) == ([False], [False])


async def call_off(door: Porchlight, person: Person) -> None:
    """Call a deletion off."""
    await door.ask(CANCEL, token=person.access_token)


async def test_who_calls_it_off_meanwhile_keeps_the_plan(shop: Shop, door: Porchlight) -> None:
    """While the provider is being asked: who comes last lets it go on."""
    person = await door.register()
    name = await buy(door, shop, person)
    await ask_for_deletion(door, person.access_token)
    shop.before[f"POST /v1/subscriptions/{name}"] = partial(call_off, door, person)
    await drain(door)
    assert (ends_there(shop), await ends(door)) == ([False], [False])


async def test_staying_is_not_for_who_leaves_again(shop: Shop, door: Porchlight) -> None:
    """What ends stays so, rather than be charged."""
    person = await door.register()
    await buy(door, shop, person)
    await ask_for_deletion(door, person.access_token)
    await drain(door)
    await door.ask(CANCEL, token=person.access_token)
    await door.clock.advance(timedelta(seconds=1))
    await ask_for_deletion(door, person.access_token)
    await drain(door)
    assert ends_there(shop) == [True]
    with door.app.database.bound():
        assert await Job.filter(kind=DELETION, due_at__not_isnull=True).count() == 2
        assert await Job.filter(kind=leaving.STAY).count() == 1
        assert await BillingCustomer.all().count() == 1
