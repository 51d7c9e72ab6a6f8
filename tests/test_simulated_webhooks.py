"""The webhooks of the simulated Stripe: signed, late, repeated, in another order, and again until they are taken."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from structlog.testing import capture_logs

from adapters.payments.simulated import LIKE_STRIPES, Endpoint, SimulatedStripe, Store, Weather
from adapters.payments.simulated.delivery import WAITS
from adapters.payments.simulated.faults import StripeFault
from core.clock import SystemClock
from models.billing import WebhookEvent
from services.app import assemble
from tests.clock import ManualClock
from tests.porchlight import Porchlight, settings_for
from tests.services.stripe import KEY, listening
from tests.services.valkey import until

SECRET = "whsec_of_this_test"
HEADERS = {"Authorization": f"Bearer {KEY}"}


class Door:
    """An endpoint that keeps what comes, and answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.came: list[dict[str, Any]] = []
        self.requests: list[tuple[bytes, dict[str, str]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if self.status == 0:
            raise RuntimeError("away")
        body = (await receive())["body"]
        self.requests.append((body, {name.decode(): value.decode() for name, value in scope["headers"]}))
        self.came.append(json.loads(body))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body"})

    @property
    def names(self) -> list[str]:
        """Whom the events are about, in the order in which they came."""
        return [event["data"]["object"]["name"] for event in self.came]


class Site:
    """A simulated Stripe with a door, asked by HTTP within the process."""

    def __init__(self, clock: Any = None, store: Store | None = None) -> None:
        self.clock = clock or ManualClock()
        self.stripe = SimulatedStripe(self.clock, store=store)
        self.door = Door()
        self.stripe.deliveries.endpoint = Endpoint("http://porchlight.test/webhooks/stripe", SECRET, self.door)

    async def ask(self, method: str, path: str, status: int = 200, /, **data: Any) -> dict[str, Any]:
        transport = httpx.ASGITransport(self.stripe)
        async with httpx.AsyncClient(transport=transport, base_url="http://stripe.test", headers=HEADERS) as http:
            where = {"params": data} if method == "GET" else {"data": data}
            answer = await http.request(method, path, **where)  # type: ignore[arg-type]
        assert answer.status_code == status, answer.text
        content: dict[str, Any] = answer.json()
        return content

    async def happen(self, *names: str) -> None:
        """Events, one a name."""
        for name in names:
            await self.ask("POST", "/v1/customers", name=name)

    async def events(self, **filters: Any) -> list[dict[str, Any]]:
        return list((await self.ask("GET", "/v1/events", **filters))["data"])


@pytest.fixture
def site() -> Site:
    return Site()


async def test_an_event_is_signed_as_stripe_signs() -> None:
    """Stripe's own SDK takes it, by the server's clock, and it is sent once."""
    site = Site(SystemClock())
    await site.happen("ada")
    assert await site.stripe.deliver() == 1
    [(body, headers)] = site.door.requests
    event = stripe.Webhook.construct_event(body, headers["stripe-signature"], SECRET)
    assert (event.type, event.api_version) == ("customer.created", "2026-10-28.endive")
    assert headers["content-type"] == "application/json; charset=utf-8"
    [told] = await site.events()
    assert told == {**json.loads(body), "pending_webhooks": 0}
    assert await site.stripe.deliver() == 0


async def test_what_is_refused_comes_again_for_three_days(site: Site) -> None:
    """After a minute, then more and more slowly, twelve times in all; then nobody sends it but who asks for it."""
    site.door.status = 500
    await site.happen("ada")
    start = site.clock.now()
    with capture_logs() as logs:
        assert await site.stripe.deliver() == 0
        for wait in WAITS:
            await site.clock.advance(timedelta(seconds=wait - 1))
            before = len(site.door.came)
            await site.stripe.deliver()
            assert len(site.door.came) == before
            await site.clock.advance(timedelta(seconds=1))
            await site.stripe.deliver()
            assert len(site.door.came) == before + 1
    assert logs[0]["reason"] == "status 500"
    assert timedelta(days=2.5) < site.clock.now() - start <= timedelta(days=3)
    site.door.status = 200
    await site.clock.advance(timedelta(days=9))
    assert await site.stripe.deliver() == 0
    [event] = await site.events(delivery_success="false")
    assert event["pending_webhooks"] == 1
    assert len({each["id"] for each in site.door.came}) == 1
    site.stripe.deliveries.send_again(event["id"])
    assert await site.stripe.deliver() == 1


async def test_after_a_long_jump_there_are_still_all_tries(site: Site) -> None:
    """What could not be delivered at once after two weeks comes again a minute later."""
    await site.happen("ada")
    site.door.status = 0
    await site.clock.advance(timedelta(days=14))
    assert await site.stripe.deliver() == 0
    site.door.status = 200
    await site.clock.advance(timedelta(minutes=1))
    assert await site.stripe.deliver() == 1


async def test_the_weather_is_late_repeats_turns_around_and_loses(site: Site) -> None:
    """Each as it is told; on the whole nothing is lost."""
    site.stripe.deliveries.weather = Weather(order=lambda events: list(reversed(events)))
    await site.happen("1", "2", "3")
    assert await site.stripe.deliver() == 3
    assert site.door.names == ["3", "2", "1"]

    site.stripe.deliveries.weather = Weather(repeated=1.0)
    await site.happen("4")
    assert await site.stripe.deliver() == 1
    assert site.door.names[3:] == ["4", "4"]
    assert site.door.came[-1] == site.door.came[-2]

    site.stripe.deliveries.weather = Weather(late=100.0)
    await site.happen(*map(str, range(5, 25)))
    delivered = []
    for _ in range(100):
        await site.clock.advance(timedelta(seconds=1))
        delivered.append(await site.stripe.deliver())
    assert sum(delivered) == 20
    assert max(delivered) < 10
    assert sorted(site.door.names[5:], key=int) == [str(number) for number in range(5, 25)]
    assert site.door.names[5:] != [str(number) for number in range(5, 25)]

    site.stripe.deliveries.weather = Weather(lost=True)
    await site.happen("25")
    assert await site.stripe.deliver() == 0
    site.stripe.deliveries.weather = LIKE_STRIPES
    await site.clock.advance(timedelta(minutes=1))
    assert await site.stripe.deliver() == 1


async def test_two_processes_share_the_work(tmp_path: Path) -> None:
    """Of two over one file each event is sent by one of them; with neither door nothing is taken."""
    clock = ManualClock()
    one, other = (Site(clock, Store(tmp_path / "stripe.sqlite3")) for _ in range(2))
    await one.happen(*map(str, range(40)))
    await asyncio.gather(one.stripe.deliver(), other.stripe.deliver(), one.stripe.deliver(), other.stripe.deliver())
    assert sorted(one.door.names + other.door.names, key=int) == [str(number) for number in range(40)]
    await one.happen("last")
    one.stripe.deliveries.endpoint = None
    assert await one.stripe.deliver() == 0
    assert await other.stripe.deliver() == 1
    for site in (one, other):
        site.stripe.store.close()


async def test_over_a_socket(site: Site) -> None:
    """As real HTTP; an endpoint that is not there is as good as one that refuses."""
    await site.happen("ada")
    site.stripe.deliveries.endpoint = Endpoint("http://127.0.0.1:9/", SECRET)
    with capture_logs() as logs:
        assert await site.stripe.deliver() == 0
    assert logs[0]["reason"] == "ConnectError"
    await site.clock.advance(timedelta(minutes=1))
    async with listening(site.door) as url:
        site.stripe.deliveries.endpoint = Endpoint(url, SECRET)
        assert await site.stripe.deliver() == 1
    assert site.door.names == ["ada"]


async def test_an_endpoint_that_never_answers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for some seconds."""
    monkeypatch.setattr("adapters.payments.simulated.delivery.PATIENCE", 0.01)

    async def silent(_: Any, __: Any, ___: Any) -> None:
        await asyncio.Event().wait()

    site.stripe.deliveries.endpoint = Endpoint("http://porchlight.test/", SECRET, silent)
    await site.happen("ada")
    with capture_logs() as logs:
        assert await site.stripe.deliver() == 0
    assert logs[0]["reason"] == "TimeoutError"


async def test_the_loop_outlives_a_bad_turn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and takes the next turn a second later."""
    turn = site.stripe.deliveries.deliver

    async def failing() -> int:
        await asyncio.sleep(0)
        monkeypatch.setattr(site.stripe.deliveries, "deliver", turn)
        raise OSError("disk")

    monkeypatch.setattr(site.stripe.deliveries, "deliver", failing)
    with capture_logs() as logs:
        loop = asyncio.create_task(site.stripe.deliveries.keep_delivering())
        await until(lambda: bool(logs))
    assert logs[0]["event"] == "simulated_stripe.turn_failed"
    await site.happen("ada")
    await site.clock.advance(timedelta(seconds=1))
    await until(lambda: site.door.names == ["ada"])
    loop.cancel()


async def test_events_can_be_asked_for(site: Site) -> None:
    """By type, by time, by whether they have arrived, page by page, for 30 days."""
    await site.happen("1", "2")
    await site.stripe.deliver()
    first = int(site.clock.now().timestamp())
    await site.clock.advance(timedelta(hours=1))
    await site.ask("POST", "/v1/products", name="3")
    names = [event["data"]["object"]["name"] for event in await site.events()]
    assert names == ["3", "2", "1"]
    for filters, expected in (
        ({"type": "customer.created"}, "21"),
        ({"type": "customer.*"}, "21"),
        ({"types[0]": "product.created", "types[1]": "price.created"}, "3"),
        ({"delivery_success": "false"}, "3"),
        ({"delivery_success": "true"}, "21"),
        ({"created[gt]": str(first)}, "3"),
        ({"created": str(first)}, "21"),
    ):
        found = await site.events(**filters)
        assert "".join(event["data"]["object"]["name"] for event in found) == expected, filters
    page = await site.ask("GET", "/v1/events", limit="1")
    assert page["has_more"]
    rest = await site.ask("GET", "/v1/events", starting_after=page["data"][0]["id"])
    assert [event["data"]["object"]["name"] for event in rest["data"]] == ["2", "1"]
    before = await site.ask("GET", "/v1/events", ending_before=rest["data"][1]["id"])
    assert [event["data"]["object"]["name"] for event in before["data"]] == ["3", "2"]
    assert await site.ask("GET", f"/v1/events/{rest['data'][0]['id']}") == rest["data"][0]
    await site.clock.advance(timedelta(days=30) - timedelta(minutes=59))
    assert [event["data"]["object"]["name"] for event in await site.events()] == ["3"]
    await site.ask("GET", f"/v1/events/{rest['data'][0]['id']}", 404)


async def test_events_that_are_not_there(site: Site) -> None:
    """Are told so; so are types that are none."""
    await site.ask("GET", "/v1/events/evt_1", 404)
    await site.ask("GET", "/v1/events", 404, starting_after="evt_1")
    await site.ask("GET", "/v1/events", 400, type="Robert'); --")
    await site.ask("GET", "/v1/events", 400, **{"type": "a", "types[0]": "b"})
    await site.ask("GET", "/v1/events", 400, **{f"types[{number}]": "a" for number in range(21)})
    with pytest.raises(StripeFault):
        site.stripe.deliveries.send_again("evt_1")


async def test_a_server_hears_from_its_stripe(porchlight: Porchlight) -> None:
    """Within the process, whatever its port: the event is in the inbox, once, and told as delivered."""
    site = porchlight.stripe
    headers = {**HEADERS, "Host": "stripe.test"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://stripe.test") as http:
        await http.post("/v1/customers", data={"name": "ada"}, headers=headers)
        assert await site.deliver() == 1
        [event] = (await http.get("/v1/events", headers=headers)).json()["data"]
        with porchlight.app.database.bound():
            assert [row.event_id for row in await WebhookEvent.all()] == [event["id"]]
        assert event["pending_webhooks"] == 0
        await http.post("/v1/customers", data={"name": "grace"}, headers=headers)
        await porchlight.clock.advance(timedelta(seconds=1))

        async def heard() -> bool:
            with porchlight.app.database.bound():
                return await WebhookEvent.all().count() == 2

        await until(heard)


async def test_a_server_below_a_path_hears_too(start: Any) -> None:
    """PUBLIC_URL may be a folder of a bigger site."""
    porchlight = await start(public_url="https://shop.example/porch")
    endpoint = porchlight.stripe.deliveries.endpoint
    assert endpoint is not None
    assert endpoint.url == "https://shop.example/webhooks/stripe"


def test_webhooks_of_a_server_have_stripes_weather(tmp_path: Path) -> None:
    """Who runs it meets them late and twice; with Stripe itself, nothing of ours sends any."""
    from adapters.payments import simulated_behind

    settings = settings_for(f"sqlite://{tmp_path / 'x'}", "", f"outbox://{tmp_path}")
    site = simulated_behind(assemble(settings).payments)
    assert site
    assert site.deliveries.weather == LIKE_STRIPES


async def test_with_stripe_nothing_is_sent(start: Any) -> None:
    """A server over Stripe itself starts and stops without a simulated one."""
    from adapters.payments import simulated_behind

    porchlight = await start(payments_url="stripe://", stripe_api_key="sk_test_1", stripe_webhook_secret=("whsec_1",))
    assert simulated_behind(porchlight.app.payments) is None
    assert (await porchlight.http.get("/healthz")).status_code == 200
