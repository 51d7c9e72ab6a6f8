"""The door of webhooks: what is let in, what is written down, and what is not."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from adapters.payments import is_signed, signature
from core.settings import Settings
from models import Job, PlanSubscription, WebhookEvent, WebhookState
from services.billing import inbox
from tests.clock import START, ManualClock
from tests.services.book import event, invoice, signed, subscription
from tests.shop import Shop, at_once, opened_shop

SECRETS = ("whsec_new", "whsec_old")
SECOND = timedelta(seconds=1)
UPDATED = event("customer.subscription.updated", subscription())
BODY = json.dumps(UPDATED).encode()


@pytest.fixture
async def shop(settings: Settings, clock: ManualClock) -> AsyncGenerator[Shop]:
    """A shop with two secrets, as while rotating."""
    async with opened_shop(settings, clock, stripe_webhook_secret=SECRETS) as shop:
        yield shop


def counted(shop: Shop, outcome: str) -> float:
    """How many webhooks ended so."""
    registry = shop.porchlight.app.metrics.registry
    return registry.get_sample_value("porchlight_webhooks_total", {"outcome": outcome}) or 0.0


async def in_parts(body: bytes) -> AsyncGenerator[bytes]:
    """A body whose length is not said."""
    for part in (body[:1000], body[1000:]):
        await asyncio.sleep(0)
        yield part


async def written() -> tuple[int, int]:
    """How many events and jobs of them there are."""
    return await WebhookEvent.all().count(), await Job.filter(kind=inbox.APPLY).count()


async def test_an_event_is_written_down_with_its_job_before_it_is_answered(shop: Shop) -> None:
    """Whichever secret has signed it; a second delivery writes nothing, and is answered as the first one."""
    for secret, outcome in (("whsec_old", "received"), ("whsec_new", "repeated")):
        answer = await shop.post(BODY, signed(BODY, START, secret))
        assert (answer.status_code, answer.json()) == (200, {"received": True})
        assert await written() == (1, 1)
        assert counted(shop, outcome) == 1
    row = await WebhookEvent.get()
    assert (row.event_id, row.type, row.object_kind, row.object_id, row.customer_id, row.state) == (
        UPDATED["id"], "customer.subscription.updated", "subscription", "sub_1", "cus_1", WebhookState.RECEIVED,
    )  # fmt: skip
    assert (row.created_at, row.received_at, row.payload) == (START, START, BODY.decode())


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=,v1=",
        "v1=" + "0" * 64,
        f"t={int(START.timestamp())}",
        f"t={int(START.timestamp())},t={int(START.timestamp())},v1=0",
        signed(BODY, START, "whsec_of_somebody_else"),
        signed(BODY + b" ", START, "whsec_new"),
        signed(BODY, START, "whsec_new").replace("v1=", "v0="),
        signed(BODY, START, "whsec_new").replace(f"t={int(START.timestamp())}", f"t={int(START.timestamp()) + 1}"),
        signed(BODY, START - 301 * SECOND, "whsec_new"),
        signed(BODY, START + 301 * SECOND, "whsec_new"),
        "t=1e9,v1=\x7f",
    ],
)
async def test_what_is_not_signed_now_leaves_nothing(shop: Shop, header: str | None) -> None:
    """No header, a foreign secret, another body, another scheme, too old, or out of the future."""
    answer = await shop.post(BODY, header)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_USER_INPUT")
    assert await written() == (0, 0)
    assert counted(shop, "refused") == 1


@pytest.mark.parametrize("off", [-300, 300])
async def test_five_minutes_to_both_sides_are_let_in(shop: Shop, off: int) -> None:
    """By the app's clock; one signature of several is enough, as while the provider rotates."""
    header = signed(BODY, START + off * SECOND, "whsec_new")
    moment, mine = header.split(",")
    assert (await shop.post(BODY, f"{moment}, v1=00, v1=%C3,{mine},v0=1,junk")).is_success


def test_without_secrets_nothing_is_ours() -> None:
    """An empty list lets nobody in."""
    assert not is_signed(BODY, signed(BODY, START, ""), (), START)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"id": "evt_1"}', b"\xff", json.dumps(UPDATED | {"id": 1}).encode()]
)
async def test_what_is_signed_and_no_event_is_refused(shop: Shop, body: bytes) -> None:
    """The sender tries again, and somebody looks."""
    moment = int(START.timestamp())
    header = f"t={moment},v1={signature(body, moment, 'whsec_new')}"
    assert (await shop.post(body, header)).status_code == 400
    assert await written() == (0, 0)


async def test_a_body_has_bounds(shop: Shop) -> None:
    """256 KiB and no byte more, whether said or not."""
    fits = json.dumps(UPDATED).encode().ljust(262_144)
    assert (await shop.post(fits, signed(fits, START, "whsec_new"))).status_code == 200
    much = fits + b" "
    assert (await shop.post(much, signed(much, START, "whsec_new"))).status_code == 413
    answer = await shop.porchlight.http.post("/webhooks/stripe", content=in_parts(much))
    assert answer.status_code == 413
    assert (await shop.porchlight.http.get("/webhooks/stripe")).status_code == 405
    assert await written() == (1, 1)


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"livemode": True}, "It is of the provider's live mode, and we are not."),
        ({"api_version": "2024-06-20"}, "It is of API version 2024-06-20; ours is 2026-10-28.endive."),
        ({"api_version": None}, "It is of API version None; ours is 2026-10-28.endive."),
    ],
)
async def test_what_we_cannot_read_is_parked(shop: Shop, facts: dict[str, Any], error: str) -> None:
    """It is answered, counted and kept, and nothing is done about it."""
    body = json.dumps(UPDATED | facts).encode()
    assert (await shop.post(body, signed(body, START, "whsec_old"))).status_code == 200
    row = await WebhookEvent.get()
    assert (row.state, row.error, row.payload) == (WebhookState.PARKED, error, body.decode())
    assert await Job.filter(kind=inbox.APPLY).count() == 0
    assert counted(shop, "parked") == 1


async def test_a_live_shop_parks_tests(settings: Settings, clock: ManualClock) -> None:
    """By the key that it asks with."""
    async with opened_shop(settings, clock, stripe_api_key="rk_live_1") as shop:
        assert await shop.deliver(UPDATED, UPDATED | {"id": "evt_live", "livemode": True}) == [200, 200]
        rows = await WebhookEvent.all().order_by("id")
        assert [(row.state, row.error) for row in rows] == [
            (WebhookState.PARKED, "It is a test, and we live."), (WebhookState.RECEIVED, None),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "content", "looked_at"),
    [
        ("checkout.session.completed", {"object": "checkout.session", "id": "cs_1", "subscription": "sub_1"}, "sub_1"),
        ("checkout.session.expired", {"object": "checkout.session", "id": "cs_1", "subscription": None}, None),
        ("invoice.paid", invoice(customer={"id": "cus_1", "object": "customer"}), "in_1"),
        ("invoice.upcoming", {**invoice(), "id": None}, None),
        ("customer.updated", {"object": "customer", "id": "cus_1"}, None),
    ],
)
async def test_what_an_event_asks_to_look_at(
    shop: Shop, kind: str, content: dict[str, Any], looked_at: str | None
) -> None:
    """A checkout's subscription, an invoice; of the rest it is only known that it came."""
    body = json.dumps(event(kind, content)).encode()
    assert (await shop.post(body, signed(body, START, "whsec_old"))).status_code == 200
    row = await WebhookEvent.get()
    assert (row.object_id, row.state is WebhookState.RECEIVED) == (looked_at, looked_at is not None)
    assert (row.payload is None, await Job.filter(kind=inbox.APPLY).count()) == (looked_at is None, bool(looked_at))


async def test_fifty_deliveries_at_once_apply_once(shop: Shop) -> None:
    """One row, one job, one question to the provider, one version of what was bought."""
    await shop.buyer()
    shop.book.write(subscription())
    header = signed(BODY, START, "whsec_new")
    answers = await at_once(*(shop.post(BODY, header) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert (counted(shop, "received"), counted(shop, "repeated")) == (1, 49)
    assert await written() == (1, 1)
    await shop.work()
    assert shop.book.asked == ["/v1/subscriptions/sub_1"]
    assert [row.version for row in await PlanSubscription.all()] == [1]


async def test_the_same_event_after_four_days_changes_nothing(shop: Shop, clock: ManualClock) -> None:
    """Jobs that are done are forgotten meanwhile, the event is not."""
    await shop.buyer()
    shop.book.write(subscription())
    await shop.post(BODY, signed(BODY, START, "whsec_new"))
    await shop.work()
    await clock.advance(timedelta(days=4))
    await Job.all().delete()
    assert (await shop.post(BODY, signed(BODY, clock.now(), "whsec_new"))).status_code == 200
    assert await shop.work() == 0
    assert (len(shop.book.asked), await written()) == (1, (1, 0))
