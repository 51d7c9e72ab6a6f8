"""An application whose payments are a book that the test writes, its door within the process, and a worker by hand."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx
import pytest

from adapters.payments import StripePayments
from core.settings import Settings
from models import BillingCustomer, PlanSubscription, Trial
from server import site_of
from services import entitlements
from services.app import opened
from services.billing import pacing
from services.ports import choose_ports
from tests.clock import START, ManualClock
from tests.porchlight import Person, Porchlight, prepared
from tests.services.book import Book, Shape, signed
from worker.loop import Worker
from worker.tasks import TASKS

KEY = "sk_test_of_this_test"


@dataclass
class Shop:
    """What a test of billing needs."""

    porchlight: Porchlight
    book: Book

    async def buyer(self, email: str = "ada@example.com", customer: str = "cus_1") -> Person:
        """Somebody whom the provider knows, with a trial that has begun now."""
        person = await self.porchlight.register(email)
        await BillingCustomer.create(user_id=person.user_id, provider_id=customer, created_at=START)
        return person

    async def post(self, body: bytes, header: str | None) -> httpx.Response:
        """A request to the webhook's address."""
        headers = {} if header is None else {"Stripe-Signature": header}
        return await self.porchlight.http.post("/webhooks/stripe", content=body, headers=headers)

    async def deliver(self, *events: Shape, sent: datetime | None = None) -> list[int]:
        """Deliver webhooks one after another, sent now; their statuses."""
        bodies = [json.dumps(event).encode() for event in events]
        moment = sent or self.porchlight.clock.now()
        return [(await self.post(body, signed(body, moment))).status_code for body in bodies]

    async def work(self) -> int:
        """Do all jobs that are due; how many those were."""
        return await Worker(self.porchlight.app, TASKS).drain()

    async def trial(self, person: Person) -> Trial:
        """The trial as it is now."""
        return await Trial.get(user_id=person.user_id)

    async def bought(self) -> tuple[Any, ...]:
        """What of the one subscription is told to people."""
        row = await PlanSubscription.get()
        return row.status, row.plan_key, row.cancel_at_period_end

    async def limit(self, person: Person) -> int | None:
        """How many API calls a month the person has: it tells the plan."""
        app = self.porchlight.app
        held = await entitlements.held_by(person.user_id)
        return entitlements.plan_of(app, held, app.clock.now()).limit_of(app.catalogue.meters["api-calls"])


@asynccontextmanager
async def opened_shop(settings: Settings, clock: ManualClock, **changes: Any) -> AsyncGenerator[Shop]:
    """A shop over the database of the settings."""
    book = Book()
    payments = StripePayments(KEY, base="http://stripe.simulated", site=book, cool_down=0.0)
    settings = replace(settings, **changes)
    app = prepared(settings, clock, replace(choose_ports(settings), payments=payments))
    with pytest.MonkeyPatch.context() as quicker:
        quicker.setattr(pacing, "QUESTIONS", 1000)
        async with opened(app):
            transport = httpx.ASGITransport(app=site_of(app))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
                yield Shop(Porchlight(app, clock, 0, http), book)


async def at_once(*calls: Any) -> list[Any]:
    """What all of them give, begun together."""
    return list(await asyncio.gather(*calls))
