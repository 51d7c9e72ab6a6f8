"""Trials during which a plan was bought: nobody is charged before the end that is told, or after they have canceled."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import pytest

from adapters.payments.simulated import purchasing
from core.cursors import encode_id
from core.settings import Settings
from models import PlanSubscription, Role, Trial
from services.trials.reminders import what_follows
from services.trials.status import will_be_charged
from tests.billing import Shop, buy, hear, opened_door
from tests.clock import ManualClock
from tests.porchlight import Person, Porchlight
from tests.staff import id_of, staff

START = "mutation($input: StartCheckoutInput!) { startCheckout(input: $input) { __typename } }"
PLAN = {"planId": encode_id("Plan", "pro-monthly"), "successUrl": "http://localhost:8000/", "cancelUrl": ""}
CHANGE = "mutation { answer: %s { __typename ... on Error { message } } }"
EXTEND = """mutation($user: ID!) {
  answer: extendTrial(userId: $user, days: 7, reason: "asked") { __typename ... on Error { message } }
}"""
CANCEL = "mutation { cancelSubscription { __typename } }"
SET = "its first charge is due at the end that this trial has now."
REFUSED = {
    "cancelTrial": (
        "TrialNotCancelable",
        "You have bought a plan. Cancel the subscription (cancelSubscription): then nothing is charged.",
    ),
    "pauseTrial": ("TrialNotPausable", f"You have bought a plan: {SET}"),
    "extendTrial": ("TrialNotExtendable", f"A plan has been bought: {SET}"),
}
every = pytest.mark.parametrize("name", list(REFUSED))


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    """The provider."""
    return Shop(clock)


@pytest.fixture
async def door(shop: Shop, settings: Settings) -> AsyncGenerator[Porchlight]:
    """A server that sells by it."""
    async with opened_door(shop, settings) as door:
        yield door


async def do(door: Porchlight, person: Person, name: str) -> tuple[str, str | None]:
    """What comes of changing somebody's trial: by themselves, or by support."""
    if name == "extendTrial":
        actor = await staff(door, Role.SUPPORT)
        answer = (await door.ask(EXTEND, {"user": id_of(person)}, token=actor.access_token))["answer"]
    else:
        answer = (await door.ask(CHANGE % name, token=person.access_token))["answer"]
    return answer["__typename"], answer.get("message")


async def trial_of(door: Porchlight, person: Person) -> Trial:
    with door.app.database.bound():
        return await Trial.get(user_id=person.user_id)


async def begin(door: Porchlight, person: Person) -> None:
    """Open a page of payment."""
    asked = {"input": PLAN | {"cancelUrl": PLAN["successUrl"]}}
    answer = (await door.ask(START, asked, token=person.access_token))["startCheckout"]
    assert answer["__typename"] == "StartCheckoutSuccess"


def pay(shop: Shop) -> str:
    """Pay on the page, as its visitor does; the subscription's id."""
    with shop.site.store.change(shop.site.now()) as docs:
        return str(purchasing.complete(docs, docs.all("checkout.session")[-1], "pm_card_visa")["subscription"])


@every
async def test_what_was_bought_keeps_the_trial_as_it_is(shop: Shop, door: Porchlight, name: str) -> None:
    """It would be charged all the same, and at the end of before: the refusal says what helps."""
    person = await door.register()
    end = (await trial_of(door, person)).ends_at
    await buy(door, shop, person, trial_end=int(end.timestamp()))
    before = await trial_of(door, person)
    assert will_be_charged(before)
    assert "Cancel your subscription before that" in what_follows(door.app, before).singular
    assert await do(door, person, name) == REFUSED[name]
    after = await trial_of(door, person)
    assert (after.version, after.ends_at, after.canceled_at) == (before.version, end, None)


@every
async def test_a_purchase_that_was_not_heard_of_counts(shop: Shop, door: Porchlight, name: str) -> None:
    """It was paid on the page, and no webhook has come yet."""
    person = await door.register()
    await begin(door, person)
    pay(shop)
    assert await do(door, person, name) == REFUSED[name]


@every
async def test_an_open_page_is_closed(shop: Shop, door: Porchlight, name: str) -> None:
    """Its first charge is that of the end of before, or of a trial that is no more."""
    person = await door.register()
    await begin(door, person)
    assert (await do(door, person, name))[0].endswith("Success")
    assert [page["status"] for page in shop.all("checkout.session")] == ["expired"]


@every
async def test_who_pays_meanwhile_is_first(shop: Shop, door: Porchlight, name: str) -> None:
    """The page is looked at, and paid before it can be closed."""
    person = await door.register()
    await begin(door, person)

    shop.before["/expire"] = partial(asyncio.to_thread, pay, shop)
    assert await do(door, person, name) == REFUSED[name]


@every
async def test_a_purchase_that_is_written_meanwhile_is_first(
    shop: Shop, door: Porchlight, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the look at the page, and before the transaction."""
    person = await door.register()
    end = int((await trial_of(door, person)).ends_at.timestamp())

    async def bought(*_: Any) -> None:
        monkeypatch.undo()
        await buy(door, shop, person, trial_end=end)

    monkeypatch.setattr(f"services.trials.{'lifecycle' if name == 'extendTrial' else 'pausing'}.close_page", bought)
    assert await do(door, person, name) == REFUSED[name]


async def test_a_canceled_purchase_lets_the_trial_be_canceled(shop: Shop, door: Porchlight) -> None:
    """It charges nobody. It is not moved either, for its owner may resume it: the charge comes at the end of before."""
    person = await door.register()
    end = (await trial_of(door, person)).ends_at
    name = await buy(door, shop, person, trial_end=int(end.timestamp()))
    await door.ask(CANCEL, token=person.access_token)
    await hear(door, name)
    with door.app.database.bound():
        assert (await PlanSubscription.get()).cancel_at_period_end
    assert await do(door, person, "pauseTrial") == REFUSED["pauseTrial"]
    assert await do(door, person, "extendTrial") == REFUSED["extendTrial"]
    assert await do(door, person, "cancelTrial") == ("CancelTrialSuccess", None)
