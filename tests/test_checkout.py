"""Buying a plan: who may, what is asked of the provider, and that no two pages can be paid."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from adapters.payments.simulated import purchasing
from adapters.payments.simulated.server import Trouble
from core.cursors import encode_id
from core.errors import Unavailable
from core.settings import Settings
from models import BillingCustomer, CheckoutAttempt, Job, PlanSubscription, Trial, User
from services.billing import checkout, forgetting
from services.billing.buying import customer_of
from tests.billing import Shop, opened_door, renewed
from tests.clock import ManualClock
from tests.porchlight import Person, Porchlight

START = """
mutation Start($input: StartCheckoutInput!) {
  startCheckout(input: $input) { __typename ... on Error { message } ... on StartCheckoutSuccess { url } }
}
"""
embedded = pytest.mark.parametrize("settings", ["embedded"], indirect=True)
HOME = "http://localhost:8000"
MONTHLY, YEARLY = encode_id("Plan", "pro-monthly"), encode_id("Plan", "pro-yearly")


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    """The provider."""
    return Shop(clock)


@pytest.fixture
async def door(shop: Shop, settings: Settings) -> AsyncGenerator[Porchlight]:
    """A server that sells by it."""
    async with opened_door(shop, settings) as door:
        yield door


def choice(plan: str = MONTHLY, **more: Any) -> dict[str, Any]:
    """What to buy."""
    return {"input": {"planId": plan, "successUrl": f"{HOME}/welcome", "cancelUrl": f"{HOME}/plans", **more}}


async def begin(door: Porchlight, person: Person, plan: str = MONTHLY, **more: Any) -> dict[str, Any]:
    """What `startCheckout` answers."""
    data = await door.ask(START, choice(plan, **more), token=person.access_token)
    result: dict[str, Any] = data["startCheckout"]
    return result


@embedded
async def test_nobody_buys_and_nothing_but_plans_is_sold(shop: Shop, door: Porchlight) -> None:
    """Without a viewer, a free plan, one that is retired, an unknown one, another currency."""
    assert await door.codes(START, choice()) == ["UNAUTHENTICATED"]
    person, plans = await door.register(), door.app.catalogue.plans
    retired = {**plans, "pro-yearly": replace(plans["pro-yearly"], retired=True)}
    door.app.catalogue = replace(door.app.catalogue, plans=retired)
    for plan, more, code in (
        (encode_id("Plan", "free"), {}, "BAD_USER_INPUT"),
        (YEARLY, {}, "NOT_FOUND"),
        (encode_id("Plan", "gone"), {}, "NOT_FOUND"),
        (encode_id("Trial", "pro-monthly"), {}, "NOT_FOUND"),
        ("pro-monthly", {}, "NOT_FOUND"),
        (MONTHLY, {"currency": "JPY"}, "BAD_USER_INPUT"),
    ):
        assert await door.codes(START, choice(plan, **more), token=person.access_token) == [code]
    assert shop.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "http://localhost:8000.evil.example/",
        "http://localhost:8000@evil.example/",
        "http://user@localhost:8000/",
        "https://localhost:8000/",
        "http://localhost:8001/",
        "//localhost:8000/",
        "/welcome",
        "",
        "javascript:alert(1)",
        "http://localhost:8000\\@evil.example/",
        "http://localhost:8000/\n",
        "http://localhost:8000/ x",
        "http://[localhost:8000/",
        "http://localhost:8000/" + "a" * 2048,
    ],
)
@embedded
async def test_nobody_is_sent_elsewhere(shop: Shop, door: Porchlight, address: str) -> None:
    """Neither after buying nor without; the provider is not even asked."""
    person = await door.register()
    for field in ("successUrl", "cancelUrl"):
        assert (await begin(door, person, **{field: address}))["__typename"] == "UrlNotAllowed"
    assert shop.asked == []


@embedded
async def test_own_sites_may_be_come_back_to(shop: Shop, settings: Settings) -> None:
    """PUBLIC_URL, FRONTEND_URL and ALLOWED_ORIGINS, with the provider's placeholder."""
    sites = {
        "public_url": "https://api.example.com",
        "frontend_url": "https://www.example.com/app",
        "allowed_origins": ("https://other.example.com",),
    }
    async with opened_door(shop, settings, **sites) as door:
        person = await door.register()
        for name in ("api", "www", "other"):
            url = f"https://{name}.example.com/done?id={{CHECKOUT_SESSION_ID}}#top"
            assert (await begin(door, person, successUrl=url))["__typename"] == "StartCheckoutSuccess"


async def test_a_page_is_opened_once(shop: Shop, door: Porchlight) -> None:
    """Again and again it is the same one; what it is about, and how many statements that takes."""
    person = await door.register()
    with door.counting_queries() as statements:
        first = await begin(door, person)
    assert len(statements) == 9, statements
    with door.counting_queries() as statements:
        again = await begin(door, person, idempotencyKey="k")
    assert len(statements) == 6, statements
    assert first == again
    (page,) = shop.all("checkout.session")
    (customer,) = shop.all("customer")
    assert first["url"] == page["url"]
    assert (customer["email"], customer["metadata"]) == (person.email, {"reference": str(person.user_id)})
    assert (page["customer"], page["client_reference_id"]) == (customer["id"], str(person.user_id))
    with door.app.database.bound():
        trial, attempt = await Trial.get(), await CheckoutAttempt.get()
        assert (await BillingCustomer.get()).provider_id == customer["id"]
    assert page["_trial_end"] == int(trial.ends_at.timestamp())
    assert (attempt.provider_id, attempt.url) == (page["id"], page["url"])


async def test_a_double_click_opens_one_page(shop: Shop, door: Porchlight) -> None:
    """Five at once: one customer, one page."""
    person = await door.register()
    urls = {(await each)["url"] for each in [asyncio.ensure_future(begin(door, person)) for _ in range(5)]}
    assert len(urls) == 1
    assert (len(shop.all("checkout.session")), len(shop.all("customer"))) == (1, 1)


async def test_another_choice_closes_the_page_of_the_first(shop: Shop, door: Porchlight) -> None:
    """At most one page is open, whatever was chosen before, and however many choose at once."""
    person = await door.register()
    first, second = await begin(door, person), await begin(door, person, YEARLY)
    assert first != second
    assert [page["status"] for page in shop.all("checkout.session")] == ["expired", "open"]
    plans = [MONTHLY, YEARLY] * 3
    answers = await asyncio.gather(
        *[
            door.post(START, choice(plan, currency=currency), token=person.access_token)
            for plan, currency in zip(plans, ["EUR", "USD"] * 3, strict=True)
        ]
    )
    open_pages = [page["url"] for page in shop.all("checkout.session") if page["status"] == "open"]
    assert len(open_pages) <= 1
    assert {error["extensions"]["code"] for answer in answers for error in answer.json().get("errors", [])} <= {
        "UNAVAILABLE"
    }
    last = await begin(door, person)
    assert [page["url"] for page in shop.all("checkout.session") if page["status"] == "open"] == [last["url"]]


@embedded
async def test_a_page_that_is_over_gives_way_to_a_new_one(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """After a day, with another trial end, and when the provider does not know it any more."""
    person = await door.register()
    first = await begin(door, person)
    await clock.advance(timedelta(hours=25))
    person = await renewed(door, person)
    second = await begin(door, person)
    assert first != second
    with door.app.database.bound():
        await CheckoutAttempt.all().update(provider_id="cs_unknown")
    third = await begin(door, person)
    assert third["url"] == shop.all("checkout.session")[-1]["url"]
    with door.app.database.bound():
        await CheckoutAttempt.all().update(provider_id=None, expires_at=clock.now())
    assert (await begin(door, person))["url"] not in {first["url"], second["url"], third["url"]}


@pytest.mark.parametrize(("left", "deferred"), [(timedelta(hours=47), False), (timedelta(hours=49), True)])
@embedded
async def test_the_first_charge_waits_for_the_end_of_the_trial(
    shop: Shop, door: Porchlight, clock: ManualClock, left: timedelta, *, deferred: bool
) -> None:
    """As long as that is 48 hours away: the provider takes no nearer one."""
    person = await door.register()
    with door.app.database.bound():
        ends_at = (await Trial.get()).ends_at
    await clock.advance(ends_at - left - clock.now())
    person = await renewed(door, person)
    await begin(door, person)
    assert [page["_trial_end"] is not None for page in shop.all("checkout.session")] == [deferred]


@embedded
async def test_promotion_codes(shop: Shop, door: Porchlight) -> None:
    """A good one is on the page, another one is refused, and nothing is left of that."""
    person = await door.register()
    sdk = shop.sdk()
    coupon = await sdk.v1.coupons.create_async({"percent_off": 25, "duration": "forever"})
    promotion = await sdk.v1.promotion_codes.create_async(
        {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "SPRING"}
    )
    for code in ("AUTUMN", "x" * 256, "a\nb"):
        assert (await begin(door, person, promotionCode=code))["__typename"] == "PromotionCodeInvalid"
    with door.app.database.bound():
        assert await CheckoutAttempt.all().count() == 0
    assert shop.all("checkout.session") == []
    assert (await begin(door, person, promotionCode="SPRING"))["__typename"] == "StartCheckoutSuccess"
    (page,) = shop.all("checkout.session")
    assert page["discounts"] == [{"coupon": None, "promotion_code": promotion.id}]
    assert page["allow_promotion_codes"] is None
    await sdk.v1.promotion_codes.update_async(promotion.id, {"active": False})
    assert (await begin(door, person, promotionCode="SPRING"))["__typename"] == "PromotionCodeInvalid"


@embedded
async def test_the_provider_is_down_and_nothing_is_half_done(shop: Shop, door: Porchlight) -> None:
    """UNAVAILABLE at each step; afterwards everything works, with one customer and one page."""
    person = await door.register()
    down = [
        ("/v1/customers", 503),
        ("/v1/prices", 429),
        ("/v1/products", 503),
        ("/v1/checkout", 503),
        ("/v1/checkout", 400),
    ]
    for path, status in down:
        shop.site.troubles = [Trouble(status=status, path=path) for _ in range(2 if status == 503 else 1)]
        answer = (await door.post(START, choice(), token=person.access_token)).json()
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["extensions"]["retryAfter"] >= 1
        assert answer["data"] == {"startCheckout": None}
        with door.app.database.bound():
            assert await CheckoutAttempt.all().count() == 0
            assert await PlanSubscription.all().count() == 0
        door.app.payments._back()  # type: ignore[attr-defined]
    assert (await begin(door, person))["__typename"] == "StartCheckoutSuccess"
    assert (len(shop.all("checkout.session")), len(shop.all("customer"))) == (1, 1)


@embedded
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/products", "/v1/prices", "/v1/checkout"])
async def test_a_fault_of_the_provider_is_over_in_a_minute(
    shop: Shop, door: Porchlight, clock: ManualClock, path: str
) -> None:
    """Although it repeats its answer to a key for a day."""
    person = await door.register()
    shop.fail(f"POST {path}", Trouble(500, path=path))
    assert await door.codes(START, choice(), token=person.access_token) == ["UNAVAILABLE"]
    assert shop.site.troubles == []
    await clock.advance(timedelta(minutes=1))
    assert (await begin(door, person))["__typename"] == "StartCheckoutSuccess"
    assert len(shop.all("customer")) == 1


# ── what was bought already ─────────────────────────────────────────────────────────────────────────────────────────


def paid(shop: Shop, number: int = -1) -> str:
    """Buy on a page, as its visitor does; the subscription's id."""
    with shop.site.store.change(shop.site.now()) as docs:
        page = docs.all("checkout.session")[number]
        return str(purchasing.complete(docs, page, "pm_card_visa")["subscription"])


async def test_who_has_bought_does_not_buy_again(shop: Shop, door: Porchlight) -> None:
    """In the seconds before the webhook, and afterwards; once it is over, they may."""
    person = await door.register()
    await begin(door, person)
    name = paid(shop)
    with door.app.database.bound():
        assert await PlanSubscription.all().count() == 0
    for plan in (MONTHLY, YEARLY):
        assert (await begin(door, person, plan))["__typename"] == "AlreadySubscribed"
        with door.app.database.bound():
            bought = await PlanSubscription.get()
        assert (bought.provider_id, bought.status, bought.plan_key) == (name, "TRIALING", "pro-monthly")
    # It ends, and nobody tells us.
    await shop.sdk().v1.subscriptions.cancel_async(name)
    assert (await begin(door, person))["__typename"] == "StartCheckoutSuccess"
    with door.app.database.bound():
        assert (await PlanSubscription.get()).status == "CANCELED"
    assert [page["status"] for page in shop.all("checkout.session")] == ["complete", "open"]


@embedded
async def test_a_purchase_that_was_over_before_we_heard_of_it(shop: Shop, door: Porchlight) -> None:
    """Bought and ended without a webhook: a new page opens."""
    person = await door.register()
    await begin(door, person)
    await shop.sdk().v1.subscriptions.cancel_async(paid(shop))
    assert (await begin(door, person))["__typename"] == "StartCheckoutSuccess"


@embedded
async def test_who_buys_while_another_tab_chooses_otherwise(shop: Shop, door: Porchlight) -> None:
    """The other tab closes the page, but comes too late: it hears that all is bought."""
    person = await door.register()
    await begin(door, person)

    shop.before["/expire"] = partial(asyncio.to_thread, paid, shop)
    assert (await begin(door, person, YEARLY))["__typename"] == "AlreadySubscribed"
    assert len(shop.all("checkout.session")) == 1


@embedded
async def test_a_page_that_was_overtaken_is_nobodys(shop: Shop, door: Porchlight) -> None:
    """While one tab waits for its page, another one chooses otherwise: the first is asked to come back."""
    person, others = await door.register(), []

    async def another() -> None:
        others.append(await begin(door, person, YEARLY))

    shop.before["POST /v1/checkout/sessions"] = another
    assert await door.codes(START, choice(), token=person.access_token) == ["UNAVAILABLE"]
    pages = shop.all("checkout.session")
    assert sorted(page["status"] for page in pages) == ["expired", "open"]
    assert [page["url"] for page in pages if page["status"] == "open"] == [others[0]["url"]]


@embedded
async def test_nobody_looks_for_a_page_for_ever(door: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some rounds: come back."""
    person = await door.register()
    monkeypatch.setattr(checkout, "ROUNDS", 0)
    assert await door.codes(START, choice(), token=person.access_token) == ["UNAVAILABLE"]


@embedded
async def test_a_code_for_somebody_else(shop: Shop, door: Porchlight) -> None:
    """It exists, and the page refuses it."""
    ada, eve, sdk = await door.register(), await door.register("eve@example.com"), shop.sdk()
    await begin(door, ada)
    coupon = await sdk.v1.coupons.create_async({"percent_off": 25, "duration": "forever"})
    promotion: Any = {"type": "coupon", "coupon": coupon.id}
    customer = shop.all("customer")[0]["id"]
    await sdk.v1.promotion_codes.create_async({"promotion": promotion, "code": "ADA", "customer": customer})
    assert (await begin(door, eve, promotionCode="ADA"))["__typename"] == "PromotionCodeInvalid"
    assert (await begin(door, ada, promotionCode="ADA"))["__typename"] == "StartCheckoutSuccess"


@embedded
async def test_what_the_provider_says_counts(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """And not what has been written here meanwhile: who has nothing any more may buy."""
    person = await door.register()
    await begin(door, person)
    name = paid(shop)
    assert (await begin(door, person))["__typename"] == "AlreadySubscribed"
    await shop.sdk().v1.subscriptions.cancel_async(name)

    async def overtaken() -> None:
        await clock.advance(timedelta(seconds=1))
        with door.app.database.bound():
            await PlanSubscription.all().update(applied_at=clock.now())

    shop.before[f"GET /v1/subscriptions/{name}"] = overtaken
    assert (await begin(door, person))["__typename"] == "StartCheckoutSuccess"


# ── customers that are nobody's ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("gone", [True, False])
async def test_a_customer_of_nobody_is_forgotten(shop: Shop, door: Porchlight, *, gone: bool) -> None:
    """Made for somebody who went meanwhile, or who has become another customer by another request."""
    person, app = await door.register(), door.app

    async def meanwhile() -> None:
        with app.database.bound():
            if gone:
                await User.all().delete()
            else:
                now = app.clock.now()
                await BillingCustomer.create(user_id=person.user_id, provider_id="cus_first", created_at=now)

    shop.before["POST /v1/customers"] = meanwhile
    with app.database.bound():
        user = await User.get(id=person.user_id)
        if gone:
            with pytest.raises(Unavailable):
                await customer_of(app, user)
        else:
            assert await customer_of(app, user) == "cus_first"
        (orphan,) = shop.all("customer")
        (job,) = await Job.filter(kind=forgetting.FORGET)
        assert job.payload == {"customer": orphan["id"], "begun": app.clock.now().isoformat()}
        await forgetting.forget_customer(app, job.payload)
    assert shop.all("customer") == []
