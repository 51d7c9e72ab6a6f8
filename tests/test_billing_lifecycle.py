"""A subscription's whole life: through the API, the provider's pages, its webhooks, and time."""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from adapters.payments import simulated_behind
from adapters.payments.simulated import Weather
from core.cursors import encode_id
from tests.billing import renewed
from tests.mailbox import letters_to, settled
from tests.porchlight import Person, Porchlight

BUY = """
mutation Buy($input: StartCheckoutInput!) { startCheckout(input: $input) { ... on StartCheckoutSuccess { url } } }
"""
PORTAL = """
mutation Portal($url: String!) { openBillingPortal(returnUrl: $url) { ... on OpenBillingPortalSuccess { url } } }
"""
ME = """{ me {
  trial { status }
  subscription { status plan { key } }
  entitlements { feature enabled }
  invoices { edges { node { status total { amount } } } }
} }"""
HOME = "http://localhost:8000/"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Life:
    """Somebody with a browser, whose clock moves on."""

    def __init__(self, door: Porchlight, person: Person) -> None:
        self.door = door
        self.person = person
        stripe = simulated_behind(door.app.payments)
        assert stripe
        self.stripe = stripe
        stripe.deliveries.weather = Weather()

    async def pays(self, address: str, number: str) -> None:
        """Fill in the form of one of the provider's pages."""
        form = {"number": number, "expiry": "12 / 34", "cvc": "123"}
        headers = {"Origin": self.door.url, "Sec-Fetch-Site": "same-origin"}
        answer = await self.door.http.post(urlsplit(address).path, data=form, headers=headers)
        assert answer.status_code == 303, answer.text
        await self.passes()

    async def passes(self, step: timedelta = timedelta(0)) -> None:
        """Time passes, a second at the least; what the provider tells meanwhile is heard and done."""
        await self.door.clock.advance(step + timedelta(seconds=1))
        await self.stripe.deliveries.deliver()
        await settled(self.door)

    async def stands(self) -> tuple[Any, ...]:
        """Trial, subscription, plan, whether there is support first, and the invoices from the newest on."""
        self.person = await renewed(self.door, self.person)
        me = (await self.door.ask(ME, token=self.person.access_token))["me"]
        bought = me["subscription"] or {"status": None}
        support = {each["feature"]: each["enabled"] for each in me["entitlements"]}["priority-support"]
        invoices = [
            (node["status"], node["total"]["amount"]) for node in (edge["node"] for edge in me["invoices"]["edges"])
        ]
        return me["trial"]["status"], bought["status"], support, invoices

    async def asks(self, query: str, **variables: Any) -> str:
        """The address that a mutation answers with."""
        (result,) = (await self.door.ask(query, variables, token=self.person.access_token)).values()
        return str(result["url"])


async def test_from_trial_to_canceled(porchlight: Porchlight) -> None:
    """Trial, checkout, paid, a declined renewal, dunning, canceled: in less than five seconds of this processor."""
    begun = time.process_time()
    life = Life(porchlight, await porchlight.register())
    assert await life.stands() == ("ACTIVE", None, True, [])

    choice = {"planId": encode_id("Plan", "pro-monthly"), "successUrl": HOME, "cancelUrl": HOME}
    await life.pays(await life.asks(BUY, input=choice), "4242 4242 4242 4242")
    free = ("PAID", 0)
    assert await life.stands() == ("ACTIVE", "TRIALING", True, [free])

    await life.passes(14 * DAY)
    draft = ("DRAFT", 1900)
    assert await life.stands() == ("CONVERTING", "ACTIVE", True, [draft, free])
    await life.passes(HOUR)
    paid = ("PAID", 1900)
    assert await life.stands() == ("CONVERTED", "ACTIVE", True, [paid, free])

    # The card is replaced by one that is taken, and declined when it is charged.
    await life.pays(await life.asks(PORTAL, url=HOME), "4000 0000 0000 0341")
    await life.passes(31 * DAY + HOUR)
    unpaid = ("OPEN", 1900)
    assert await life.stands() == ("CONVERTED", "PAST_DUE", True, [unpaid, paid, free])

    # Access outlives the first failure by a week, the provider's tries by more.
    await life.passes(7 * DAY)
    assert await life.stands() == ("CONVERTED", "PAST_DUE", False, [unpaid, paid, free])
    await life.passes(21 * DAY)
    trial, subscription, support, invoices = await life.stands()
    assert (trial, subscription, support) == ("CONVERTED", "CANCELED", False)
    assert invoices[1:] == [paid, free]

    letters = [letter["Subject"] for letter in await letters_to(porchlight, life.person.email, "Your p")]
    assert letters == [
        "Your payment has arrived",
        "Your payment has failed",
        "Your payment has failed",
        "Your plan has ended",
    ]
    assert time.process_time() - begun < 5
