"""Purchases in tests: a server whose payments are answered by a simulated Stripe of the test's own."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import stripe

from adapters.payments import StripePayments
from adapters.payments.sdk import Wire
from adapters.payments.simulated import SimulatedStripe
from adapters.payments.simulated.server import Trouble
from core.settings import Settings
from models import User
from server import site_of
from services.app import opened
from services.billing import Catalogue, Plan
from services.billing.applying import apply_invoice, apply_subscription
from services.billing.buying import customer_of
from services.billing.syncing import price_of
from services.ports import Ports, choose_ports
from tests.clock import ManualClock
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight, prepared

KEY = "sk_test_of_this_test"


@dataclass
class Shop:
    """A simulated Stripe that tells what it was asked. What is `before` a request happens once, just before it."""

    clock: ManualClock
    asked: list[str] = field(default_factory=list)
    before: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.site = SimulatedStripe(self.clock)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asked = f"{scope['method']} {scope['path']}"
        self.asked.append(asked)
        for name in [name for name in self.before if name in asked]:
            await self.before.pop(name)()
        await self.site(scope, receive, send)

    @property
    def changes(self) -> list[str]:
        """What was to be changed so far."""
        return [asked for asked in self.asked if not asked.startswith("GET")]

    def fail(self, asked: str, *troubles: Trouble) -> None:
        """Let these be the troubles from the next request of that name on."""

        async def begin() -> None:
            await asyncio.sleep(0)
            self.site.troubles = list(troubles)

        self.before[asked] = begin

    def payments(self) -> StripePayments:
        """Our adapter, asking this shop."""
        return StripePayments(KEY, base="http://stripe.simulated", site=self)

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Everything of a kind that it keeps, the oldest first."""
        with self.site.store.change(self.site.now()) as docs:
            return docs.all(kind)

    def sdk(self) -> stripe.StripeClient:
        """The vendor's own client, for what our adapter does not ask."""
        wire = Wire(httpx.AsyncClient(transport=httpx.ASGITransport(app=self.site), timeout=5))
        return stripe.StripeClient(KEY, base_addresses={"api": "http://stripe.simulated"}, http_client=wire)

    def ports(self, settings: Settings) -> Ports:
        """Ports that sell by this shop."""
        return replace(choose_ports(settings, self.clock), payments=self.payments())


@asynccontextmanager
async def opened_door(shop: Shop, settings: Settings, **changes: Any) -> AsyncGenerator[Porchlight]:
    """A server that sells by this shop, asked within the process, without a worker: nothing happens by itself."""
    settings = replace(settings, **changes)
    app = prepared(settings, shop.clock, shop.ports(settings))
    async with opened(app):
        transport = httpx.ASGITransport(app=site_of(app))
        async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as http:
            yield Porchlight(app, shop.clock, 0, http)


def priced(catalogue: Catalogue, *plans: Plan, **changes: dict[str, int]) -> Catalogue:
    """The catalogue with further plans, and with other prices of those that are named, hyphens written as `_`."""
    kept = {plan.key: plan for plan in [*catalogue.plans.values(), *plans]}
    for name, prices in changes.items():
        key = name.replace("_", "-")
        kept[key] = replace(kept[key], prices=prices)
    return replace(catalogue, plans=kept)


async def buy(
    door: Porchlight,
    shop: Shop,
    person: Person,
    plan: str = "pro-monthly",
    *,
    currency: str = "EUR",
    card: str = "pm_card_visa",
    **more: Any,
) -> str:
    """Let somebody have a plan, as the provider's page would; the subscription's id. It is known here at once."""
    app, sdk = door.app, shop.sdk()
    with app.database.bound():
        customer = await customer_of(app, await User.get(id=person.user_id))
        price = await price_of(app, app.catalogue.plans[plan], currency)
    method = await sdk.v1.payment_methods.attach_async(card, {"customer": customer})
    asked: Any = {
        "customer": customer,
        "items": [{"price": price.id}],
        "currency": currency.lower(),
        "default_payment_method": method.id,
        **more,
    }
    subscription = await sdk.v1.subscriptions.create_async(asked)
    await hear(door, subscription.id)
    return str(subscription.id)


async def hear(door: Porchlight, subscription_id: str) -> None:
    """Write down how a subscription and its last invoice stand, as a webhook would have it done."""
    app = door.app
    with app.database.bound():
        snapshot = await app.payments.subscription(subscription_id)
        assert snapshot
        await apply_subscription(app, snapshot, at=app.clock.now())
        if snapshot.latest_invoice_id:
            invoice = await app.payments.invoice(snapshot.latest_invoice_id)
            assert invoice
            await apply_invoice(app, invoice, at=app.clock.now())


async def renewed(door: Porchlight, person: Person) -> Person:
    """Somebody who has signed in anew, after time has passed."""
    asked = {"input": {"email": person.email, "password": PASSWORD}}
    tokens = (await door.ask(LOGIN, asked))["login"]["tokens"]
    return replace(person, access_token=tokens["accessToken"], refresh_token=tokens["refreshToken"])
