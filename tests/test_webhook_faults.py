"""Webhooks on bad days: processes that die, poison, a silent provider, lost deliveries, a clock that is off."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.contextvars import bound_contextvars

from adapters.mail.smtp import Tls
from core.cursors import encode_id
from core.errors import Forbidden
from core.settings import Settings
from models import AuditEvent, EndPolicy, Invoice, Job, PlanSubscription, Role, TrialChange, User, WebhookEvent
from models import WebhookState as State
from services.billing import inbox, pacing, reconciling, replaying, working
from services.billing.applying import write_vanished
from services.jobs import LEASE
from services.pages import Page
from tests.clock import START, ManualClock
from tests.crashing import POINTS
from tests.mailbox import outbox
from tests.services.book import Shape, event, invoice, seconds, subscription
from tests.services.smtp import Serve
from tests.shop import Shop, opened_shop
from tests.staff import staff
from tests.test_purchases import updated

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ROOT = Path(__file__).resolve().parent.parent
BROKEN = updated(name="poison", id="sub_2", status="of a later version")


@pytest.fixture
async def shop(settings: Settings, clock: ManualClock) -> AsyncGenerator[Shop]:
    """A shop."""
    async with opened_shop(settings, clock) as shop:
        yield shop


def drift(shop: Shop) -> dict[str, float]:
    """What reconciliation has mended, by what it was."""
    [family] = shop.porchlight.app.metrics.drift.collect()
    mended = {each.labels["what"]: each.value for each in family.samples if each.name.endswith("_total")}
    return {what: count for what, count in mended.items() if count}


async def rows() -> list[tuple[str, State, int]]:
    """The inbox."""
    return [(row.event_id, row.state, row.attempts) for row in await WebhookEvent.all().order_by("id")]


async def nightly(shop: Shop) -> None:
    """What the night brings, page by page."""
    await reconciling.reconcile_subscriptions(shop.porchlight.app, {})
    await shop.work()


# ── processes that die ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("point", POINTS)
async def test_kill_9_loses_nothing_and_does_nothing_twice(shop: Shop, clock: ManualClock, point: str) -> None:
    """Another worker goes on once the lease has passed; only a letter may be there twice, recognisably the same."""
    await shop.buyer()
    await shop.work()
    settings = shop.porchlight.app.settings
    urls = (settings.database_url, settings.redis_url, settings.mail_url)
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.crashing", point, *urls, cwd=ROOT)
    assert await child.wait() == -9
    kept = await WebhookEvent.all().count()
    assert kept == (1 if point == "inbox" else 2)
    shop.book.write(subscription(), invoice())
    await shop.deliver(event("invoice.paid", invoice()), event("customer.subscription.updated", subscription()))
    await clock.advance(LEASE)
    await shop.work()
    assert [state for _, state, _ in await rows()] == [State.DONE, State.DONE]
    assert await shop.bought() == ("ACTIVE", "pro-monthly", False)
    assert [row.amount_paid for row in await Invoice.all()] == [1900]
    assert await TrialChange.filter(kind="CONVERTED").count() == 1
    letters = outbox(Path(settings.mail_url.removeprefix("outbox://")))
    thanks = [letter["Message-ID"] for letter in letters if letter["Subject"] == "Your payment has arrived"]
    assert (len(set(thanks)), len(thanks) <= 1 + (point == "sent")) == (1, True)


async def test_kill_9_between_the_mail_server_s_answer_and_the_mark(
    shop: Shop, clock: ManualClock, serve_smtp: Serve
) -> None:
    """The letter has arrived and goes out again, with the same Message-ID: who reads mail sees that it is one."""
    await shop.buyer()
    await shop.work()
    settings, server = shop.porchlight.app.settings, await serve_smtp(Tls.NONE)
    urls = (settings.database_url, settings.redis_url, f"smtp://127.0.0.1:{server.port}?tls=none")
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.crashing", "sent", *urls, cwd=ROOT)
    assert await child.wait() == -9
    shop.book.write(subscription(), invoice())
    await clock.advance(LEASE)
    await shop.work()
    again = outbox(Path(settings.mail_url.removeprefix("outbox://")))
    thanks = [each["Message-ID"] for each in again if each["Subject"] == "Your payment has arrived"]
    assert [each["Message-ID"] for each in server.messages if each["Subject"] == "Your payment has arrived"] == thanks
    assert len(thanks) == 1


# ── poison ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_poison_event_ends_as_a_dead_letter(shop: Shop, clock: ManualClock) -> None:
    """After a minute, and at last after eight hours; what comes beside it is not held up."""
    await shop.buyer()
    shop.book.write(BROKEN["data"]["object"], subscription())
    await shop.deliver(BROKEN, updated(name="good"))
    await shop.work()
    assert await rows() == [("evt_poison", State.RECEIVED, 1), ("evt_good", State.DONE, 0)]
    for attempt, rest in enumerate(working.LADDER, 2):
        await clock.advance(rest - timedelta(seconds=1))
        await shop.work()
        assert (await rows())[0][2] == attempt - 1
        await clock.advance(timedelta(seconds=1))
        await shop.work()
        assert (await rows())[0][2] == attempt
    row = await WebhookEvent.get(event_id="evt_poison")
    assert (row.state, row.error, row.attempts) == (State.DEAD, "KeyError: 'of a later version'", 8)
    assert json.loads(row.payload) == BROKEN
    assert await Job.filter(kind=inbox.APPLY, due_at__not_isnull=True).count() == 0


async def test_whose_customer_is_nobody_here_is_parked(shop: Shop) -> None:
    """Nothing is done about it, and what it holds is not kept."""
    shop.book.write(subscription(), invoice())
    await shop.deliver(updated(name="1"), event("invoice.paid", invoice()))
    await shop.work()
    found = await WebhookEvent.all().values_list("state", "error", "payload")
    assert found == [(State.PARKED, "Its customer is nobody here.", None)] * 2
    assert (await PlanSubscription.all().count(), await Invoice.all().count()) == (0, 0)


# ── the provider ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_provider_is_down_for_an_hour(shop: Shop, clock: ManualClock) -> None:
    """Events are believed meanwhile, also what cannot be read; then it is asked, and one answer settles them all."""
    await shop.buyer()
    shop.book.down = True
    unreadable = updated(3, name="odd", items=None)
    checkout = event(
        "checkout.session.completed", {"object": "checkout.session", "id": "cs_1", "subscription": "sub_1"}
    )
    odd = event("invoice.paid", invoice(total=19.5), id="evt_odd_invoice")
    await shop.deliver(updated(1), updated(2, status="past_due"), unreadable, checkout, odd)
    await shop.work()
    assert (await shop.bought())[0] == "PAST_DUE"
    for _ in range(4):
        await clock.advance(15 * MINUTE)
        await shop.work()
    assert {state for _, state, _ in await rows()} == {State.RECEIVED}
    shop.book.down = False
    shop.book.write(subscription(), invoice())
    asked = len(shop.book.asked)
    await clock.advance(HOUR)
    await shop.work()
    assert {state for _, state, _ in await rows()} == {State.DONE}
    assert sorted(shop.book.asked[asked:]) == ["/v1/invoices/in_1", "/v1/subscriptions/sub_1"]
    assert (await shop.bought())[0] == "ACTIVE"


async def test_a_day_of_webhooks_is_lost(shop: Shop, clock: ManualClock) -> None:
    """The hourly look at what was not delivered mends it all; a second look mends nothing."""
    person = await shop.buyer()
    await clock.advance(DAY)
    shop.book.write(subscription(), invoice(), {"object": "list", "id": "ignored"})
    lost = [updated(5, "created"), event("invoice.paid", invoice(), api_version="2020-08-27"), updated(9)]
    shop.book.undelivered = lost
    for found in (3, 3):
        await reconciling.reconcile_events(shop.porchlight.app, {})
        await shop.work()
        assert drift(shop) == {"event": found}
    assert {state for _, state, _ in await rows()} == {State.DONE}
    assert await shop.bought() == ("ACTIVE", "pro-monthly", False)
    assert (await shop.trial(person)).converted_at == clock.now()
    since = seconds(clock.now() - timedelta(days=4))
    assert f"/v1/events?delivery_success=false&created[gte]={since}&limit=50" in shop.book.asked


async def test_the_night_compares_all_that_lives(shop: Shop, clock: ManualClock) -> None:
    """What was missed, what differs, what is over, what has vanished: each is mended, and counted by what it was."""
    await shop.buyer()
    shop.book.write(subscription(), subscription(id="sub_2"), subscription(id="sub_3"), subscription(id="sub_4"))
    await nightly(shop)
    assert drift(shop) == {"missing": 4}
    assert {row.version for row in await PlanSubscription.all()} == {1}
    await clock.advance(DAY)
    await nightly(shop)
    assert (drift(shop), {row.version for row in await PlanSubscription.all()}) == ({"missing": 4}, {1})
    await clock.advance(DAY)
    shop.book.write(subscription(cancel_at_period_end=True), subscription(id="sub_2", status="past_due"))
    shop.book.write(subscription(id="sub_5", customer="cus_of_another_app"))
    shop.book.hidden = {"sub_3"}
    shop.book.write(subscription(id="sub_3", status="canceled"))
    del shop.book.objects["sub_4"]
    overtaken = await PlanSubscription.get(provider_id="sub_4")
    await nightly(shop)
    assert await write_vanished(shop.porchlight.app, overtaken, clock.now()) is None
    assert drift(shop) == {"missing": 4, "cancel_at_period_end": 1, "status": 2, "vanished": 1}
    found = [
        (row.provider_id, row.status, row.cancel_at_period_end) for row in await PlanSubscription.all().order_by("id")
    ]
    assert found == [
        ("sub_1", "ACTIVE", True),
        ("sub_2", "PAST_DUE", False),
        ("sub_3", "CANCELED", False),
        ("sub_4", "CANCELED", False),
    ]


@pytest.mark.parametrize("number", [1, 3])
async def test_a_night_with_a_wrong_key_ends_nothing(shop: Shop, clock: ManualClock, number: int) -> None:
    """Another account knows nothing of ours, whatever it has itself: that is counted, and nobody loses a plan."""
    person = await shop.buyer()
    kept = [subscription(id=f"sub_{each}") for each in range(number)]
    shop.book.write(*kept)
    await nightly(shop)
    for others in ([], [subscription(id="sub_foreign", customer="cus_of_another_app")]):
        shop.book.objects = {each["id"]: each for each in others}
        await clock.advance(DAY)
        await nightly(shop)
    assert drift(shop) == {"missing": number, "vanished_refused": 2 * number}
    assert {row.status for row in await PlanSubscription.all()} == {"ACTIVE"}
    assert await shop.limit(person) == 100_000


async def test_a_whole_batch_never_vanishes(shop: Shop, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several of which none is found are kept, whatever the list has told; what was ended wrongly is brought back."""
    monkeypatch.setattr(reconciling, "BATCH", 2)
    await shop.buyer()
    shop.book.write(*(subscription(id=f"sub_{number}") for number in range(4)))
    await nightly(shop)
    gone = [shop.book.objects.pop(f"sub_{number}") for number in (1, 2, 3)]
    await clock.advance(DAY)
    await nightly(shop)
    rows = await PlanSubscription.all().order_by("id")
    assert [row.status for row in rows] == ["ACTIVE", "ACTIVE", "ACTIVE", "CANCELED"]
    assert drift(shop) == {"missing": 4, "vanished_refused": 2, "vanished": 1}
    shop.book.write(*gone)
    await clock.advance(DAY)
    await nightly(shop)
    assert {row.status for row in await PlanSubscription.all()} == {"ACTIVE"}
    assert drift(shop) == {"missing": 4, "vanished_refused": 2, "vanished": 1, "status": 1}


async def test_what_cannot_be_read_costs_nothing_else(shop: Shop, clock: ManualClock) -> None:
    """A foreign shape in a list or alone, a status of a later version: the others are compared, nobody is blamed."""
    await shop.buyer()
    shop.book.write(*(subscription(id=f"sub_{number}") for number in range(6)))
    await nightly(shop)
    await clock.advance(DAY)
    foreign = [subscription(id=f"sub_{number}", items={"data": []}) for number in (0, 1, 2, 5)]
    later = subscription(id="sub_3", status="of a later version")
    shop.book.write(*foreign, later, subscription(id="sub_4", cancel_at_period_end=True))
    await nightly(shop)
    assert drift(shop) == {"missing": 6, "unreadable": 10, "cancel_at_period_end": 1}
    assert {row.status for row in await PlanSubscription.all()} == {"ACTIVE"}
    assert await Job.filter(kind=reconciling.UNSEEN, due_at__not_isnull=True).count() == 0
    assert not shop.porchlight.app.payments.degraded


async def test_what_vanishes_is_not_charged(shop: Shop, clock: ManualClock) -> None:
    """The trial hears of it, so that its end charges nobody, and so does the user."""
    person = await shop.buyer()
    shop.book.write(subscription(status="trialing"), subscription(id="sub_2"))
    await nightly(shop)
    assert (await shop.trial(person)).end_policy is EndPolicy.BILL
    del shop.book.objects["sub_1"]
    await clock.advance(DAY)
    await nightly(shop)
    row = await PlanSubscription.get(provider_id="sub_1")
    assert (row.status, row.applied_at, row.canceled_at) == ("CANCELED", clock.now(), clock.now())
    trial = await shop.trial(person)
    assert (trial.end_policy, trial.billable_at) == (EndPolicy.REVERT, None)
    folder = Path(shop.porchlight.app.settings.mail_url.removeprefix("outbox://"))
    assert [letter["Subject"] for letter in outbox(folder)][-1] == "Your plan has ended"


async def test_reconciliation_goes_page_by_page(
    shop: Shop, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page is a job of its own, for it may take more time than one job has; without customers nobody is asked."""
    monkeypatch.setattr("tests.services.book.PAGE", 2)
    monkeypatch.setattr(reconciling, "BATCH", 2)
    app = shop.porchlight.app
    await nightly(shop)
    await reconciling.reconcile_events(app, {})
    assert shop.book.asked == []
    await shop.buyer()
    many = [subscription(id=f"sub_{number}") for number in range(5)]
    shop.book.write(*many)
    shop.book.undelivered = [event("customer.subscription.updated", each, id=f"evt_{each['id']}") for each in many]
    await reconciling.reconcile_events(app, {})
    await shop.work()
    assert await PlanSubscription.all().count() == 5
    await nightly(shop)
    lists = [path.rpartition("&starting_after=")[2] for path in shop.book.asked if "starting_after" in path]
    assert lists == ["evt_sub_1", "evt_sub_3", "sub_1", "sub_3"]
    shop.book.hidden = {each["id"] for each in many}
    await clock.advance(DAY)
    asked = len(shop.book.asked)
    await nightly(shop)
    assert sorted(shop.book.asked[asked + 1 :]) == [f"/v1/subscriptions/sub_{number}" for number in range(5)]


async def test_what_died_with_its_workers_is_shown(shop: Shop, clock: ManualClock) -> None:
    """An event that was received and has no job any more is a dead letter after two days; one with a job is not."""
    await shop.buyer()
    shop.book.down = True
    await shop.deliver(updated(name="1", id="sub_1"), updated(name="2", id="sub_2"))
    await Job.filter(dedup_key__startswith=f"{inbox.APPLY}:evt_1:").update(due_at=None, dead_at=START)
    await clock.advance(2 * DAY + MINUTE)
    shop.book.down = False
    await reconciling.reconcile_events(shop.porchlight.app, {})
    assert await rows() == [("evt_1", State.DEAD, 0), ("evt_2", State.RECEIVED, 0)]
    assert drift(shop) == {"stuck": 1}


async def test_what_is_stuck_is_looked_for_in_batches(shop: Shop, clock: ManualClock) -> None:
    """However many wait, one job reads a few of them, by two statements and one for each that it gives up."""
    await shop.buyer()
    shop.book.down = True
    await shop.deliver(*(updated(name=str(number), id=f"sub_{number}") for number in range(41)))
    for odd in range(1, 41, 2):
        await Job.filter(dedup_key__startswith=f"{inbox.APPLY}:evt_{odd}:").update(due_at=None, dead_at=START)
    await Job.filter(kind=inbox.APPLY, due_at__not_isnull=True).update(due_at=START + 9 * DAY)
    await clock.advance(2 * DAY + MINUTE)
    with bound_contextvars(request_id="night"), shop.porchlight.counting_queries() as statements:
        await reconciling.bury(shop.porchlight.app, {"after": "0", "begun": clock.now().isoformat()})
    assert len([each for each in statements if each.startswith("SELECT")]) == 2, statements
    assert drift(shop) == {"stuck": 10}
    await shop.work()
    assert drift(shop) == {"stuck": 20}
    found = {number: state for number, (_, state, _) in enumerate(await rows())}
    assert found == {number: State.DEAD if number % 2 else State.RECEIVED for number in range(41)}


# ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("off", [-10 * MINUTE, 10 * MINUTE])
async def test_our_clock_is_ten_minutes_off(shop: Shop, clock: ManualClock, off: timedelta) -> None:
    """Webhooks are refused and sent again; reconciliation mends what they tell; once it is right, all is as ever."""
    person = await shop.buyer()
    told: list[Shape] = [updated(name="1"), event("invoice.paid", invoice())]
    shop.book.write(subscription(), invoice())
    shop.book.undelivered = told
    await clock.jump(START + off)
    assert await shop.deliver(*told, sent=START) == [400, 400]
    assert await rows() == []
    await reconciling.reconcile_events(shop.porchlight.app, {})
    await shop.work()
    assert await shop.bought() == ("ACTIVE", "pro-monthly", False)
    assert (await shop.trial(person)).converted_at is not None
    await clock.jump(START)
    shop.book.write(subscription(cancel_at_period_end=True))
    assert await shop.deliver(*told, updated(1, name="2")) == [200, 200, 200]
    await shop.work()
    assert await shop.bought() == ("ACTIVE", "pro-monthly", True)


async def test_questions_keep_their_pace(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than so many in any second, of whichever process; the rest wait for their turn."""
    monkeypatch.setattr(pacing, "QUESTIONS", 5)
    begun, passed = time.monotonic(), []

    async def ask() -> None:
        await pacing.turn(shop.porchlight.app)
        passed.append(time.monotonic() - begun)

    await asyncio.gather(*(ask() for _ in range(11)))
    assert [sum(start <= each < start + 0.95 for each in passed) <= 5 for start in passed] == [True] * 11
    assert max(passed) >= 1.9


# ── administrators ──────────────────────────────────────────────────────────────────────────────────────────────────


EVENTS = """
query Events($first: Int, $state: WebhookState) {
  webhookEvents(first: $first, state: $state) {
    totalCount
    pageInfo { hasNextPage }
    edges { node { id eventId type objectId apiVersion state attempts error createdAt receivedAt } }
  }
}
"""
REPLAY = "mutation Replay($id: ID!) { replayWebhookEvent(id: $id) { eventId state attempts error } }"


async def test_administrators_replay_dead_letters(shop: Shop) -> None:
    """They see what was given up, have it looked into again, and it is written down that they did; nobody else does."""
    porchlight, user = shop.porchlight, await shop.buyer()
    await shop.deliver(updated(name="dead"), updated(name="old", api_version="2020-08-27"))
    await shop.deliver(event("customer.updated", {"object": "customer", "id": "cus_1"}, id="evt_nothing"))
    await WebhookEvent.filter(event_id="evt_dead").update(state=State.DEAD, attempts=8, error="no")
    await Job.all().delete()
    support, admin = await staff(porchlight, Role.SUPPORT), await staff(porchlight, Role.ADMIN)
    for token, code in (
        (None, "UNAUTHENTICATED"),
        (user.access_token, "FORBIDDEN"),
        (support.access_token, "FORBIDDEN"),
    ):
        assert await porchlight.codes(EVENTS, token=token) == [code]
        assert await porchlight.codes(REPLAY, {"id": encode_id("WebhookEvent", 1)}, token=token) == [code]
    with porchlight.counting_queries() as statements:
        found = (await porchlight.ask(EVENTS, {"first": 2}, token=admin.access_token))["webhookEvents"]
    assert len(statements) == 6  # the viewer and their factor, twice; a page and a number
    assert (found["totalCount"], found["pageInfo"]) == (3, {"hasNextPage": True})
    found = (await porchlight.ask(EVENTS, {"state": "DEAD"}, token=admin.access_token))["webhookEvents"]
    assert (found["totalCount"], [edge["node"] for edge in found["edges"]]) == (
        1,
        [
            {
                "id": encode_id("WebhookEvent", (await WebhookEvent.get(event_id="evt_dead")).id),
                "eventId": "evt_dead",
                "type": "customer.subscription.updated",
                "objectId": "sub_1",
                "apiVersion": "2026-10-28.endive",
                "state": "DEAD",
                "attempts": 8,
                "error": "no",
                "createdAt": "2026-03-02T09:00:00+00:00",
                "receivedAt": "2026-03-02T09:00:00+00:00",
            }
        ],
    )
    shop.book.write(subscription())
    ids = dict(await WebhookEvent.all().values_list("event_id", "id"))
    for name in ("evt_dead", "evt_old"):
        answer = await porchlight.ask(REPLAY, {"id": encode_id("WebhookEvent", ids[name])}, token=admin.access_token)
        assert answer["replayWebhookEvent"] == {"eventId": name, "state": "RECEIVED", "attempts": 0, "error": None}
    assert await shop.work() >= 2
    assert await rows() == [(name, State.DONE, 0) for name in ("evt_dead", "evt_old", "evt_nothing")]
    assert (await shop.bought())[0] == "ACTIVE"
    for identity, code in ((encode_id("WebhookEvent", ids["evt_nothing"]), "BAD_USER_INPUT"), ("x", "NOT_FOUND")):
        assert await porchlight.codes(REPLAY, {"id": identity}, token=admin.access_token) == [code]
    said = await AuditEvent.filter(action="webhook.replayed").order_by("id").values_list("actor_id", "subject")
    assert said == [(admin.user_id, f"WebhookEvent:{ids[name]}") for name in ("evt_dead", "evt_old")]
    with pytest.raises(Forbidden):
        await replaying.page_of_events(await User.get(id=support.user_id), Page(), state=None)


NODE = "query Node($id: ID!) { node(id: $id) { __typename id ... on WebhookEvent { eventId state } } }"


async def test_an_event_is_read_again_by_its_id(shop: Shop) -> None:
    """By administrators with a second factor; for everybody else there is no such thing."""
    porchlight, user = shop.porchlight, await shop.buyer()
    await shop.deliver(updated(name="again"))
    identity = encode_id("WebhookEvent", (await WebhookEvent.get(event_id="evt_again")).id)
    support, admin = await staff(porchlight, Role.SUPPORT), await staff(porchlight, Role.ADMIN)
    for token in (None, user.access_token, support.access_token):
        assert await porchlight.ask(NODE, {"id": identity}, token=token) == {"node": None}
    with porchlight.counting_queries() as statements:
        found = await porchlight.ask(NODE, {"id": identity}, token=admin.access_token)
    assert len(statements) == 5  # the viewer and their factor, twice; the event
    assert found == {
        "node": {"__typename": "WebhookEvent", "id": identity, "eventId": "evt_again", "state": "RECEIVED"}
    }
    for nothing in (encode_id("WebhookEvent", 2**40), encode_id("WebhookEvent", "x")):
        assert await porchlight.ask(NODE, {"id": nothing}, token=admin.access_token) == {"node": None}
