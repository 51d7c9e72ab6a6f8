"""Changing what was bought: another plan, its end, going on after all, the portal; and who may see it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from adapters.payments.simulated.server import Trouble
from core.cursors import encode_id
from core.settings import Settings
from models import Invoice, PlanSubscription, Role, User
from services.billing.buying import customer_of
from tests.billing import Shop, buy, hear, renewed
from tests.clock import ManualClock
from tests.conftest import Start
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
OTHER = """query Other($id: ID!) { node(id: $id) { __typename ... on User { subscription { id } invoices { totalCount } } } }"""
HOME = "http://localhost:8000/account"


@pytest.fixture
def shop(clock: ManualClock) -> Shop:
    """The provider."""
    return Shop(clock)


@pytest.fixture
async def door(shop: Shop, start: Start, settings: Settings) -> Porchlight:
    """A server that sells by it."""
    return await start(ports=shop.ports(settings))


async def change(door: Porchlight, person: Person, plan: str = YEARLY, at: str | None = None) -> dict[str, Any]:
    """What `changePlan` answers."""
    result = (await door.ask(CHANGE, {"plan": plan, "at": at}, token=person.access_token))["changePlan"]
    return dict(result)


async def mine(door: Porchlight, person: Person) -> dict[str, Any] | None:
    """The viewer's subscription."""
    found: dict[str, Any] | None = (await door.ask(ME, token=person.access_token))["me"]["subscription"]
    return found


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
    with door.counting_queries() as statements:
        both = await asyncio.gather(*[change(door, person) for _ in range(2)])
    assert len(statements) == 0, statements
    assert both[0] == both[1]
    assert both[0]["__typename"] == "ChangePlanSuccess"
    assert both[0]["subscription"]["plan"] == {"key": "pro-yearly"}
    assert await mine(door, person) == both[0]["subscription"]
    page = (await door.ask(INVOICES, token=person.access_token))["me"]["invoices"]
    assert page["totalCount"] == 2
    newest = page["edges"][0]["node"]
    # 31 days of March for 19.00 EUR, 21 of which are given back; a new year is paid.
    assert newest["total"] == {"amount": 19000 - 1287, "currency": "EUR"}
    assert (newest["status"], newest["paidAt"]) == ("PAID", "2026-03-12T09:00:00+00:00")
    assert await change(door, person) == both[0]
