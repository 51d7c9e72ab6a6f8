"""Changing what was bought: another plan, its end, going on after all, the portal; and who may see it."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from adapters.payments.simulated import purchasing
from adapters.payments.simulated.server import Trouble
from core.cursors import encode_cursor, encode_id
from core.settings import Settings
from models import BillingCustomer, Invoice, PlanSubscription, Role, User
from services.billing.buying import customer_of
from tests.billing import Shop, buy, hear, opened_door, priced, renewed
from tests.clock import ManualClock
from tests.porchlight import Person, Porchlight
from tests.staff import staff

MONTHLY, YEARLY = encode_id("Plan", "pro-monthly"), encode_id("Plan", "pro-yearly")
SUBSCRIPTION = "subscription { id status currency currentPeriodEnd cancelAtPeriodEnd plan { key } }"
ME = f"{{ me {{ {SUBSCRIPTION} }} }}"
CHANGE = f"""
mutation Change($plan: ID!, $at: DateTime) {{
  changePlan(planId: $plan, proratedAt: $at) {{
    __typename ... on Error {{ message }} ... on PaymentFailed {{ hostedUrl }}
    ... on ChangePlanSuccess {{ {SUBSCRIPTION} }}
  }}
}}
"""
CANCEL = f"""
mutation Cancel($now: Boolean) {{
  cancelSubscription(immediately: $now) {{
    __typename ... on Error {{ message }} ... on CancelSubscriptionSuccess {{ {SUBSCRIPTION} }}
  }}
}}
"""
RESUME = f"""
mutation {{
  resumeSubscription {{
    __typename ... on Error {{ message }} ... on ResumeSubscriptionSuccess {{ {SUBSCRIPTION} }}
  }}
}}
"""
PORTAL = """
mutation Portal($url: String!) {
  openBillingPortal(returnUrl: $url) { __typename ... on OpenBillingPortalSuccess { url } }
}
"""
PREVIEW = "query Preview($plan: ID!) { planChangePreview(planId: $plan) { dueNow { amount } } }"
INVOICES = """
query Invoices($first: Int, $after: String, $last: Int, $before: String) {
  me { invoices(first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
    edges { cursor node { id number status total { amount currency } createdAt paidAt hostedUrl } }
  } }
}
"""
OTHER = """
query Other($user: ID!, $subscription: ID!, $invoice: ID!) {
  user: node(id: $user) { ... on User { subscription { id } invoices { totalCount } } }
  subscription: node(id: $subscription) { ... on PlanSubscription { status } }
  invoice: node(id: $invoice) { ... on Invoice { total { amount } } }
}
"""
embedded = pytest.mark.parametrize("settings", ["embedded"], indirect=True)
HOME = "http://localhost:8000/account"


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    """The provider."""
    return Shop(clock)


@pytest.fixture
async def door(shop: Shop, settings: Settings) -> AsyncGenerator[Porchlight]:
    """A server that sells by it."""
    async with opened_door(shop, settings) as door:
        yield door


async def change(door: Porchlight, person: Person, plan: str = YEARLY, at: str | None = None) -> dict[str, Any]:
    """What `changePlan` answers."""
    result = (await door.ask(CHANGE, {"plan": plan, "at": at}, token=person.access_token))["changePlan"]
    return dict(result)


async def mine(door: Porchlight, person: Person) -> dict[str, Any] | None:
    """The viewer's subscription."""
    found: dict[str, Any] | None = (await door.ask(ME, token=person.access_token))["me"]["subscription"]
    return found


@embedded
async def test_without_a_subscription_nothing_can_be_changed(shop: Shop, door: Porchlight) -> None:
    """Nor by nobody; the provider is not asked."""
    asked = [(CHANGE, {"plan": YEARLY}), (CANCEL, {}), (RESUME, {}), (PORTAL, {"url": HOME})]
    for query, variables in [*asked, (PREVIEW, {"plan": YEARLY})]:
        assert await door.codes(query, variables) == ["UNAUTHENTICATED"]
    person = await door.register()
    for query, variables in asked:
        (result,) = (await door.ask(query, variables, token=person.access_token)).values()
        assert result["__typename"] == "NotSubscribed"
    assert await door.codes(PREVIEW, {"plan": YEARLY}, token=person.access_token) == ["NOT_FOUND"]
    assert await mine(door, person) is None
    assert shop.asked == []


async def test_a_plan_is_changed_and_charged_at_once(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """The caller sees it in the answer, with its invoice; a second click changes nothing more."""
    person = await door.register()
    await buy(door, shop, person)
    await clock.advance(timedelta(days=10))
    person = await renewed(door, person)
    both = await asyncio.gather(*[change(door, person) for _ in range(2)])
    assert both[0] == both[1]
    assert both[0]["__typename"] == "ChangePlanSuccess"
    assert both[0]["subscription"]["plan"] == {"key": "pro-yearly"}
    with door.counting_queries() as statements:
        assert await mine(door, person) == both[0]["subscription"]
    assert len(statements) == 2, statements
    page = (await door.ask(INVOICES, token=person.access_token))["me"]["invoices"]
    assert page["totalCount"] == 2
    newest = page["edges"][0]["node"]
    # 31 days of March for 19.00 EUR, 21 of which are given back; a new year is paid.
    assert newest["total"] == {"amount": 19000 - 1287, "currency": "EUR"}
    assert (newest["status"], newest["paidAt"]) == ("PAID", "2026-03-12T09:00:00+00:00")
    assert await change(door, person) == both[0]


@embedded
async def test_changing_back_is_paid_by_the_credit(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """Nothing is charged; the rest of the year is kept for what comes. How many statements a change takes."""
    person = await door.register()
    await buy(door, shop, person, "pro-yearly", currency="USD")
    await clock.advance(timedelta(days=73))
    person = await renewed(door, person)
    with door.counting_queries() as statements:
        result = await change(door, person, MONTHLY)
    assert len(statements) == 11, statements
    assert result["subscription"]["currency"] == "USD"
    assert result["subscription"]["currentPeriodEnd"] == "2026-06-14T09:00:00+00:00"
    page = (await door.ask(INVOICES, {"first": 1}, token=person.access_token))["me"]["invoices"]
    # 292 of 365 days of 210.00 USD are given back, a month for 21.00 USD is taken.
    assert page["edges"][0]["node"]["total"] == {"amount": 2100 - 16800, "currency": "USD"}
    assert shop.all("customer")[0]["balance"] == 2100 - 16800


@embedded
async def test_a_declined_change_changes_nothing(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """The answer says where it can be paid; once it is, the plan is the new one."""
    person, sdk = await door.register(), shop.sdk()
    name = await buy(door, shop, person)
    await clock.advance(timedelta(days=10))
    person = await renewed(door, person)
    before = await mine(door, person)
    (customer,) = shop.all("customer")
    bad = await sdk.v1.payment_methods.attach_async("pm_card_chargeCustomerFail", {"customer": customer["id"]})
    await sdk.v1.subscriptions.update_async(name, {"default_payment_method": bad.id})
    result = await change(door, person)
    assert result["__typename"] == "PaymentFailed"
    invoice = shop.all("invoice")[-1]
    assert result["hostedUrl"] == invoice["hosted_invoice_url"]
    assert await mine(door, person) == before
    await hear(door, name)
    assert await mine(door, person) == before
    good = await sdk.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer["id"]})
    await sdk.v1.invoices.pay_async(invoice["id"], {"payment_method": good.id})
    await hear(door, name)
    changed = await mine(door, person)
    assert changed
    assert changed["plan"] == {"key": "pro-yearly"}


@embedded
async def test_who_owes_an_invoice_pays_it_first(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """Past due: the answer says where, and the provider is asked for nothing."""
    person, sdk = await door.register(), shop.sdk()
    name = await buy(door, shop, person)
    (customer,) = shop.all("customer")
    bad = await sdk.v1.payment_methods.attach_async("pm_card_chargeCustomerFail", {"customer": customer["id"]})
    await sdk.v1.subscriptions.update_async(name, {"default_payment_method": bad.id})
    await clock.advance(timedelta(days=31, hours=2))
    await hear(door, name)
    person, asked = await renewed(door, person), len(shop.changes)
    now = await mine(door, person)
    assert now
    assert now["status"] == "PAST_DUE"
    result = await change(door, person)
    assert (result["__typename"], result["hostedUrl"]) == (
        "PaymentFailed",
        shop.all("invoice")[-1]["hosted_invoice_url"],
    )
    with door.app.database.bound():
        await Invoice.all().delete()
    assert (await change(door, person))["hostedUrl"] is None
    assert len(shop.changes) == asked


@embedded
async def test_what_cannot_be_changed_to(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """A free plan, an unknown one, one that is not sold in this currency, at a moment that is no preview's."""
    person = await door.register()
    await buy(door, shop, person, currency="USD")
    await clock.advance(timedelta(hours=3))
    person = await renewed(door, person)
    asked = len(shop.changes)
    now = clock.now()
    moments = [now - timedelta(minutes=61), now + timedelta(seconds=1), now.replace(tzinfo=None)]
    plans = [(encode_id("Plan", "free"), None, "BAD_USER_INPUT"), (encode_id("Plan", "gone"), None, "NOT_FOUND")]
    for plan, at, code in [*plans, *[(YEARLY, moment.isoformat(), "BAD_USER_INPUT") for moment in moments]]:
        assert await door.codes(CHANGE, {"plan": plan, "at": at}, token=person.access_token) == [code]
    door.app.catalogue = priced(door.app.catalogue, pro_yearly={"EUR": 19000})
    for query in (CHANGE, PREVIEW):
        assert await door.codes(query, {"plan": YEARLY}, token=person.access_token) == ["BAD_USER_INPUT"]
    same = await change(door, person, MONTHLY)
    assert same["subscription"] == await mine(door, person)
    assert len(shop.changes) == asked


@embedded
async def test_a_subscription_ends_with_its_period_or_goes_on(shop: Shop, door: Porchlight, clock: ManualClock) -> None:
    """Cancelled, resumed, cancelled: three different requests within a minute; then it is over, and another may be."""
    person = await door.register()
    await buy(door, shop, person)
    for query, kind, ends in ((CANCEL, "Cancel", True), (RESUME, "Resume", False), (CANCEL, "Cancel", True)):
        for _ in range(2):
            with door.counting_queries() as statements:
                (result,) = (await door.ask(query, token=person.access_token)).values()
            assert len(statements) == 5, statements
            assert result["__typename"] == f"{kind}SubscriptionSuccess"
            assert (result["subscription"]["status"], result["subscription"]["cancelAtPeriodEnd"]) == ("ACTIVE", ends)
        assert shop.all("subscription")[0]["cancel_at_period_end"] is ends
    await clock.advance(timedelta(days=31))
    person = await renewed(door, person)
    # The provider has ended it, and nobody has told us yet: whoever wants to change it hears of it.
    for query in (RESUME, RESUME):
        (result,) = (await door.ask(query, token=person.access_token)).values()
        assert result["__typename"] == "NotSubscribed"
        over = await mine(door, person)
        assert over
        assert over["status"] == "CANCELED"
    await buy(door, shop, person, "pro-yearly")
    again = await mine(door, person)
    assert again
    assert (again["status"], again["plan"]) == ("ACTIVE", {"key": "pro-yearly"})


@embedded
async def test_a_subscription_ends_at_once(shop: Shop, door: Porchlight) -> None:
    """Where that is wanted; no access is left."""
    person = await door.register()
    await buy(door, shop, person)
    (result,) = (await door.ask(CANCEL, {"now": True}, token=person.access_token)).values()
    assert result["subscription"]["status"] == "CANCELED"
    assert [each["status"] for each in shop.all("subscription")] == ["canceled"]


@embedded
async def test_the_portal_opens_for_who_has_bought(shop: Shop, door: Porchlight) -> None:
    """Also once it is over; not for who has only looked, and never to come back elsewhere."""
    person = await door.register()
    with door.app.database.bound():
        await customer_of(door.app, await User.get(id=person.user_id))
    ask = {"url": HOME}
    assert (await door.ask(PORTAL, ask, token=person.access_token))["openBillingPortal"] == {
        "__typename": "NotSubscribed"
    }
    await buy(door, shop, person)
    with door.counting_queries() as statements:
        result = (await door.ask(PORTAL, ask, token=person.access_token))["openBillingPortal"]
    assert len(statements) == 3, statements
    assert result == {"__typename": "OpenBillingPortalSuccess", "url": shop.all("billing_portal.session")[0]["url"]}
    ask = {"url": "https://evil.example"}
    result = (await door.ask(PORTAL, ask, token=person.access_token))["openBillingPortal"]
    assert result == {"__typename": "UrlNotAllowed"}


async def test_purchases_of_others_are_not_to_be_seen(shop: Shop, door: Porchlight) -> None:
    """Null for others, without an error at a node of theirs; support sees them."""
    person, other = await door.register(), await door.register("eve@example.com")
    await buy(door, shop, person)
    with door.app.database.bound():
        subscription, invoice = await PlanSubscription.get(), await Invoice.get()
    ids = {
        "user": person.registered["user"]["id"],
        "subscription": encode_id("PlanSubscription", subscription.id),
        "invoice": encode_id("Invoice", invoice.id),
    }
    seen = {
        "user": {"subscription": {"id": ids["subscription"]}, "invoices": {"totalCount": 1}},
        "subscription": {"status": "ACTIVE"},
        "invoice": {"total": {"amount": 1900}},
    }
    nothing = dict.fromkeys(ids)
    support = await staff(door, Role.SUPPORT)
    for who, expected in ((person, seen), (support, seen), (other, nothing)):
        assert await door.ask(OTHER, ids, token=who.access_token) == expected
    assert await door.ask(OTHER, ids) == nothing
    unknown = {
        "user": ids["user"],
        **{kind: encode_id(t, 999) for kind, t in (("subscription", "PlanSubscription"), ("invoice", "Invoice"))},
    }
    assert await door.ask(OTHER, unknown, token=other.access_token) == nothing
    with door.app.database.bound():
        await Invoice.all().update(user_id=None)
        await PlanSubscription.all().update(plan_key=None)
    assert (await door.ask(OTHER, ids, token=support.access_token))["invoice"] is None
    assert await door.codes(ME, token=person.access_token) == ["NOT_FOUND"]


async def test_invoices_are_told_page_by_page(shop: Shop, door: Porchlight) -> None:
    """The newest first, those of one second by their order; in as many statements for any number."""
    person = await door.register()
    await buy(door, shop, person)
    with door.app.database.bound():
        first = await Invoice.get()
        for number, minutes in enumerate((5, 3, 5, 9)):
            made = first.created_at + timedelta(minutes=minutes)
            changed = {"provider_id": f"in_{number}", "created_at": made, "total": number}
            await first.clone(pk=None).update_from_dict(changed).save(force_create=True)
        expected = [row.id for row in await Invoice.all().order_by("-created_at", "-id")]

    async def page(**asked: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await door.ask(INVOICES, asked, token=person.access_token))["me"]["invoices"]
        return found

    forward, after = [], None
    while True:
        with door.counting_queries() as statements:
            found = await page(first=2, after=after)
        assert len(statements) == 3, statements
        forward += [edge["node"]["id"] for edge in found["edges"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert forward == [encode_id("Invoice", pk) for pk in expected]
    last = await page(last=2)
    assert [edge["node"]["id"] for edge in last["edges"]] == forward[-2:]
    assert last["pageInfo"]["hasPreviousPage"]
    earlier = await page(last=2, before=last["pageInfo"]["startCursor"])
    assert [edge["node"]["id"] for edge in earlier["edges"]] == forward[1:3]
    for cursor in ("x", encode_cursor((1e300, 1)), encode_cursor((10**17, 1))):
        assert await door.codes(INVOICES, {"after": cursor}, token=person.access_token) == ["BAD_USER_INPUT"]


@embedded
@pytest.mark.parametrize(
    ("query", "variables", "path", "status"),
    [
        (CHANGE, {"plan": YEARLY}, "/v1/subscriptions", 503),
        (CHANGE, {"plan": YEARLY}, "/v1/prices", 429),
        (PREVIEW, {"plan": YEARLY}, "/v1/subscriptions", 429),
        (CANCEL, {}, "/v1/subscriptions", 429),
        (CANCEL, {"now": True}, "/v1/subscriptions", 400),
        (RESUME, {}, "/v1/subscriptions", 429),
        (PORTAL, {"url": HOME}, "/v1/billing_portal", 429),
        (PREVIEW, {"plan": YEARLY}, "/v1/invoices", 429),
    ],
)
async def test_the_provider_is_down_and_nothing_has_changed(
    shop: Shop, door: Porchlight, clock: ManualClock, query: str, variables: dict[str, Any], path: str, status: int
) -> None:
    """UNAVAILABLE; a minute later the same works."""
    person = await door.register()
    await buy(door, shop, person)
    before = await mine(door, person)
    shop.site.troubles = [Trouble(status=status, path=path) for _ in range(2 if status == 503 else 1)]
    assert await door.codes(query, variables, token=person.access_token) == ["UNAVAILABLE"]
    assert await mine(door, person) == before
    await clock.advance(timedelta(minutes=1))
    assert await door.codes(query, variables, token=person.access_token) == []


@embedded
async def test_a_lost_answer_is_given_again(shop: Shop, door: Porchlight) -> None:
    """The plan was changed and paid, the answer was lost twice: the next call finds it done, and pays nothing more."""
    person = await door.register()
    await buy(door, shop, person)
    lost = Trouble(status=500, path="/v1/subscriptions", done=True)
    shop.fail("POST /v1/subscriptions", lost, lost)
    assert await door.codes(CHANGE, {"plan": YEARLY}, token=person.access_token) == ["UNAVAILABLE"]
    made = len(shop.all("invoice"))
    assert (await change(door, person))["subscription"]["plan"] == {"key": "pro-yearly"}
    assert len(shop.all("invoice")) == made == 2


@embedded
async def test_a_change_is_told_without_its_invoice(shop: Shop, door: Porchlight) -> None:
    """When that cannot be had at the moment: it comes by webhook, too."""
    person = await door.register()
    await buy(door, shop, person)
    shop.fail("POST /v1/subscriptions", *[Trouble(status=503, path="/v1/invoices") for _ in range(2)])
    assert (await change(door, person))["__typename"] == "ChangePlanSuccess"
    assert (await door.ask(INVOICES, token=person.access_token))["me"]["invoices"]["totalCount"] == 1


@embedded
@pytest.mark.parametrize(
    ("query", "variables"),
    [(CHANGE, {"plan": YEARLY}), (CANCEL, {}), (CANCEL, {"now": True}), (PREVIEW, {"plan": YEARLY})],
)
async def test_what_is_over_for_the_provider_is_over_here(
    shop: Shop, door: Porchlight, query: str, variables: dict[str, Any]
) -> None:
    """However it is asked, and nobody else is kept from asking by that."""
    person = await door.register()
    name = await buy(door, shop, person)
    await shop.sdk().v1.subscriptions.cancel_async(name)
    answer = (await door.post(query, variables, token=person.access_token)).json()
    told = (
        answer["errors"][0]["extensions"]["code"] if "errors" in answer else answer["data"].popitem()[1]["__typename"]
    )
    assert told in {"NOT_FOUND", "NotSubscribed"}
    over = await mine(door, person)
    assert over
    assert over["status"] == "CANCELED"
    assert not door.app.payments.degraded


@embedded
async def test_a_change_asks_the_bank_first(shop: Shop, door: Porchlight) -> None:
    """A card that wants to see its holder: the plan waits until they have been seen."""
    person, sdk = await door.register(), shop.sdk()
    name = await buy(door, shop, person)
    (customer,) = shop.all("customer")
    asks = await sdk.v1.payment_methods.attach_async("pm_card_authenticationRequired", {"customer": customer["id"]})
    await sdk.v1.subscriptions.update_async(name, {"default_payment_method": asks.id})
    result = await change(door, person)
    assert (result["__typename"], result["hostedUrl"]) == (
        "PaymentFailed",
        shop.all("invoice")[-1]["hosted_invoice_url"],
    )
    shop.fail("POST /v1/subscriptions", Trouble(status=402))
    refused = await change(door, person)
    assert (refused["__typename"], refused["hostedUrl"]) == ("PaymentFailed", None)


@embedded
@pytest.mark.parametrize(
    ("query", "variables"),
    [(CHANGE, {"plan": YEARLY}), (CANCEL, {}), (CANCEL, {"now": True}), (RESUME, {}), (PORTAL, {"url": HOME})],
)
async def test_what_was_bought_just_now_can_be_changed(
    shop: Shop, door: Porchlight, query: str, variables: dict[str, Any]
) -> None:
    """Before a webhook has told of it; not before it is bought."""
    person = await door.register()
    wanted = {"planId": MONTHLY, "successUrl": HOME, "cancelUrl": HOME}
    begin = "mutation($input: StartCheckoutInput!) { startCheckout(input: $input) { __typename } }"
    await door.ask(begin, {"input": wanted}, token=person.access_token)
    (result,) = (await door.ask(query, variables, token=person.access_token)).values()
    assert result["__typename"] == "NotSubscribed"
    with shop.site.store.change(shop.site.now()) as docs:
        purchasing.complete(docs, docs.all("checkout.session")[-1], "pm_card_visa")
    (result,) = (await door.ask(query, variables, token=person.access_token)).values()
    assert result["__typename"].endswith("Success")
    assert await mine(door, person)


@embedded
@pytest.mark.parametrize(
    ("query", "variables", "method"),
    [(CHANGE, {"plan": YEARLY}, "change_plan"), (CANCEL, {}, "end_with_period"), (RESUME, {}, "end_with_period")],
)
async def test_what_happens_while_a_change_is_answered_is_not_lost(
    shop: Shop,
    door: Porchlight,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    variables: dict[str, Any],
    method: str,
) -> None:
    """An answer holds for the moment at which it was asked for, and not for the one at which it has come."""
    person = await door.register()
    name = await buy(door, shop, person)
    ask, ends = getattr(door.app.payments, method), query != CANCEL

    async def slow(*asked: Any, **more: Any) -> Any:
        answer = await ask(*asked, **more)
        await shop.sdk().v1.subscriptions.update_async(name, {"cancel_at_period_end": ends})
        await door.clock.advance(timedelta(seconds=5))
        await hear(door, name)
        await door.clock.advance(timedelta(seconds=5))
        return answer

    monkeypatch.setattr(door.app.payments, method, slow)
    (result,) = (await door.ask(query, variables, token=person.access_token)).values()
    assert result["subscription"]["cancelAtPeriodEnd"] is ends
    assert await mine(door, person) == result["subscription"]


@embedded
async def test_answers_about_nobody(shop: Shop, door: Porchlight) -> None:
    """Whose customer is gone here is told to come back: nothing is written for somebody else."""
    person = await door.register()
    await buy(door, shop, person)
    with door.app.database.bound():
        await BillingCustomer.all().delete()
    assert await door.codes(CANCEL, token=person.access_token) == ["UNAVAILABLE"]
    (result,) = (await door.ask(PORTAL, {"url": HOME}, token=person.access_token)).values()
    assert result["__typename"] == "NotSubscribed"
