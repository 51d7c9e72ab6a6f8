"""What webhooks do to the mirror of purchases, to the trial and to access, in every order and with every fault."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from adapters.payments import invoice_of, subscription_of
from core.settings import Settings
from models import (
    BillingCustomer,
    EndPolicy,
    Invoice,
    InvoiceStatus,
    Job,
    PlanSubscription,
    PlanSubscriptionStatus,
    Trial,
    TrialChange,
    User,
    WebhookEvent,
)
from models import WebhookState as State
from services import entitlements, usage
from services.billing import applying, letters, standing, working
from services.billing.applying import apply_invoice, apply_subscription
from services.billing.standing import Phase
from services.trials import TrialStatus, trial_status
from tests.clock import START, ManualClock
from tests.letters_by_hand import send, waiting
from tests.mailbox import outbox
from tests.plans import limits
from tests.services.book import MONTH, Shape, event, invoice, seconds, subscription
from tests.services.valkey import until
from tests.shop import Shop, opened_shop

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
PRO, FREE = 100_000, 1_000
NOTHING: dict[str, Any] = {
    "cancel_at_period_end": False,
    "period_end": START,
    "applied_at": START,
    "provider_created_at": START,
}
LIFE: dict[str, Shape] = {
    "created": event("customer.subscription.created", subscription(status="incomplete")),
    "updated": event("customer.subscription.updated", subscription()),
    "paid": event("invoice.paid", invoice()),
    "completed": event(
        "checkout.session.completed",
        {"object": "checkout.session", "id": "cs_1", "customer": "cus_1", "subscription": "sub_1"},
    ),
}
"""What Stripe tells of one purchase, all in one second."""


@pytest.fixture
async def shop(settings: Settings, clock: ManualClock) -> AsyncGenerator[Shop]:
    """A shop."""
    async with opened_shop(settings, clock, rate_limits=False) as shop:
        yield shop


async def states() -> list[State]:
    """What became of each event."""
    return [row.state for row in await WebhookEvent.all().order_by("id")]


def updated(moment: int = 0, kind: str = "updated", name: str = "", **facts: object) -> Shape:
    """An event about the subscription, made some seconds after the start."""
    made = seconds(START) + moment
    more = {"id": f"evt_{name}"} if name else {}
    return event(f"customer.subscription.{kind}", subscription(**facts), created=made, **more)


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_purchase_in_every_order(shop: Shop, clock: ManualClock) -> None:
    """All 24 orders, each job done before the next delivery; with no answer from the provider in between, too."""
    for number, order in enumerate(permutations(LIFE)):
        person = await shop.buyer(f"ada{number}@example.com")
        shop.book.write(subscription(), invoice())
        for down in (True, False):
            shop.book.down = down
            for name in order:
                assert await shop.deliver(LIFE[name] | {"id": f"evt_{name}_{down}"}) == [200]
                await shop.work()
            assert await shop.bought() == ("ACTIVE", "pro-monthly", False), order
            assert [(row.status, row.amount_paid) for row in await Invoice.all()] == [(InvoiceStatus.PAID, 1900)], order
        assert set(await states()) == {State.DONE}
        assert trial_status(await shop.trial(person), clock.now()) is TrialStatus.CONVERTED, order
        assert await TrialChange.filter(kind="CONVERTED").count() == number + 1
        for table in (WebhookEvent, PlanSubscription, Invoice, Job, BillingCustomer):
            await table.all().delete()


@pytest.mark.parametrize("down", [False, True])
async def test_two_updates_of_one_second_reversed(shop: Shop, clock: ManualClock, down: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- a parameter of the test
    """The provider is asked; where it gives no answer, the further status is believed until it does."""
    await shop.buyer()
    first, second = updated(status="active", name="1"), updated(status="past_due", name="2")
    shop.book.write(second["data"]["object"])
    shop.book.down = down
    await shop.deliver(second)
    await shop.work()
    await shop.deliver(first)
    await shop.work()
    assert await shop.bought() == ("PAST_DUE", "pro-monthly", False)
    shop.book.write(subscription(cancel_at_period_end=True))
    shop.book.down = False
    await clock.advance(MINUTE)
    await shop.deliver(updated(name="3"))
    await shop.work()
    assert await shop.bought() == ("ACTIVE", "pro-monthly", True)
    assert set(await states()) == {State.DONE}


@pytest.mark.parametrize("down", [False, True])
async def test_what_is_deleted_stays_so(shop: Shop, clock: ManualClock, down: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- a parameter of the test
    """A late `active`, however new it says it is, brings nothing back; the provider's own later word does."""
    person = await shop.buyer()
    gone = updated(9, "deleted", status="canceled", canceled_at=seconds(START))
    shop.book.write(gone["data"]["object"])
    shop.book.down = down
    for each in (
        gone,
        updated(5, name="late"),
        updated(99, name="strange"),
        updated(99, name="x", status="incomplete"),
    ):
        await shop.deliver(each)
        await shop.work()
        assert await shop.bought() == ("CANCELED", "pro-monthly", False)
    assert await shop.limit(person) == PRO  # by the trial
    shop.book.down = False
    shop.book.write(gone["data"]["object"])
    await clock.advance(MINUTE)
    await shop.work()
    row = await PlanSubscription.get()
    for moment, then in ((row.applied_at, "CANCELED"), (row.applied_at + SECOND, "ACTIVE")):
        await apply_subscription(shop.porchlight.app, subscription_of(subscription()), at=moment)
        assert await shop.bought() == (then, "pro-monthly", False)


async def test_older_answers_and_events_never_overwrite_newer_ones(shop: Shop, clock: ManualClock) -> None:
    """An answer counts for when it was asked for, an event for when it was made; a row of the future holds nothing."""
    await shop.buyer()
    shop.book.down = True
    for moment, status, then in (
        (5, "past_due", "PAST_DUE"),
        (4, "active", "PAST_DUE"),
        (6, "active", "ACTIVE"),
        (7, "incomplete", "ACTIVE"),
    ):
        await shop.deliver(updated(moment, status=status))
        await shop.work()
        assert (await shop.bought())[0] == then
    app, unpaid = shop.porchlight.app, subscription_of(subscription(status="unpaid"))
    await clock.advance(10 * MINUTE)
    [row, late] = [
        await apply_subscription(app, each, at=at)
        for each, at in ((subscription_of(subscription()), clock.now()), (unpaid, START))
    ]
    assert (late and late.status, late and row and late.version - row.version) == ("ACTIVE", 0)
    await clock.jump(START)  # the clock had been ahead: what it wrote then does not refuse what is so now
    mended = await apply_subscription(app, unpaid, at=START)
    assert (mended and mended.status, mended and row and mended.version - row.version) == ("UNPAID", 1)


# ── what follows ────────────────────────────────────────────────────────────────────────────────────────────────────


async def told(shop: Shop, *contents: Shape) -> None:
    """The provider has these objects now, and tells of each."""
    shop.book.write(*contents)
    for number, content in enumerate(contents):
        kind = {"subscription": "customer.subscription.updated", "invoice": "invoice.updated"}[content["object"]]
        now = seconds(shop.porchlight.clock.now())
        await shop.deliver(
            event(kind, content, created=now, id=f"evt_{now}_{number}_{await WebhookEvent.all().count()}")
        )
    await shop.work()


def subjects(shop: Shop) -> list[str]:
    """Of the letters about payments, in order."""
    folder = Path(shop.porchlight.app.settings.mail_url.removeprefix("outbox://"))
    return [letter["Subject"] for letter in outbox(folder) if not letter["Subject"].startswith("Welcome")]


async def test_a_purchase_during_the_trial(shop: Shop, clock: ManualClock) -> None:
    """It makes the end a charge; access holds through the provider's hour; the first payment converts the trial."""
    person = await shop.buyer()
    end = (await shop.trial(person)).ends_at
    trialing = {"status": "trialing", "trial_end": seconds(end), "end": end}
    await told(shop, subscription(**trialing), invoice(id="in_0", total=0, amount_due=0, amount_paid=0))
    trial = await shop.trial(person)
    assert (trial.end_policy, trial.billable_at, trial.converted_at) == (EndPolicy.BILL, START, None)
    await clock.advance(end - clock.now())
    assert trial_status(await shop.trial(person), clock.now()) is TrialStatus.CONVERTING
    assert await shop.limit(person) == PRO
    await clock.advance(HOUR)
    await told(shop, subscription(start=end, end=end + MONTH), invoice())
    trial = await shop.trial(person)
    assert (trial_status(trial, clock.now()), trial.converted_at) == (TrialStatus.CONVERTED, clock.now())
    await clock.advance(300 * DAY)  # however late the next news are
    assert await shop.limit(person) == PRO
    assert await TrialChange.filter(kind="CONVERTED").count() == 1
    assert subjects(shop)[-1:] == ["Your payment has arrived"]


async def test_what_is_canceled_during_the_trial_is_not_charged(shop: Shop, clock: ManualClock) -> None:
    """The end is the catalogue's again; who thinks better of it buys again."""
    person = await shop.buyer()
    for canceled, policy, billable in ((False, "BILL", True), (True, "REVERT", False), (False, "BILL", True)):
        await told(shop, subscription(status="trialing", cancel_at_period_end=canceled))
        trial = await shop.trial(person)
        assert (trial.end_policy, trial.billable_at is not None) == (policy, billable)
    await told(shop, subscription(status="canceled", canceled_at=seconds(START)))
    assert (await shop.trial(person)).end_policy is EndPolicy.REVERT
    await clock.advance(14 * DAY)
    assert await shop.limit(person) == FREE
    assert subjects(shop)[-1:] == ["Your plan has ended"]


async def test_the_first_charge_fails(shop: Shop, clock: ManualClock) -> None:
    """The trial is told once; seven days of grace, then nothing; and what is paid after all gives the plan again."""
    person = await shop.buyer()
    end = START + 14 * DAY
    await told(shop, subscription(status="trialing", trial_end=seconds(end)))
    await clock.advance(14 * DAY + HOUR)
    failed = {"status": "open", "attempt_count": 1}
    await told(shop, invoice(**failed), subscription(status="past_due", start=end, end=end + MONTH))
    trial = await shop.trial(person)
    assert (trial_status(trial, clock.now()), trial.charge_failed_at) == (TrialStatus.GRACE, clock.now())
    await clock.advance(3 * DAY)
    await told(shop, invoice(**failed | {"attempt_count": 2}), subscription(status="past_due"))
    await clock.advance(4 * DAY - SECOND)
    assert await shop.limit(person) == PRO
    await clock.advance(SECOND)
    assert await shop.limit(person) == FREE
    await told(shop, subscription(status="unpaid"))
    assert await shop.limit(person) == FREE
    await told(shop, subscription(), invoice())
    assert await shop.limit(person) == PRO
    assert [row.past_due_since for row in await PlanSubscription.all()] == [None]
    assert trial_status(await shop.trial(person), clock.now()) is TrialStatus.CONVERTED


async def test_letters_tell_what_is_so_when_they_are_sent(shop: Shop, clock: ManualClock) -> None:
    """One a failed attempt, a minute later; none for what was paid meanwhile; another text where the bank asks."""
    await shop.buyer()
    await told(shop, subscription(), invoice())
    count = len(subjects(shop))
    due = invoice(id="in_2", status="open", attempt_count=1, number=None, hosted_invoice_url=None)
    await told(shop, due)
    shop.book.write(due | {"status": "paid", "amount_paid": 1900})
    await told(shop, due | {"status": "paid", "amount_paid": 1900})
    await clock.advance(MINUTE)
    await shop.work()
    assert subjects(shop)[count:] == ["Your payment has arrived"]
    due = invoice(id="in_3", status="open", attempt_count=1)
    await told(shop, due, due)
    await clock.advance(MINUTE)
    await shop.work()
    assert subjects(shop)[count + 1 :] == ["Your payment has failed"]
    await shop.deliver(event("invoice.payment_action_required", due | {"attempt_count": 2}))
    await told(shop, due | {"attempt_count": 2})
    await clock.advance(MINUTE)
    await shop.work()
    assert subjects(shop)[count + 2 :] == ["Confirm your payment"]
    void = invoice(id="in_4", status="open", attempt_count=1)
    await told(shop, void)
    await told(shop, void | {"status": "void"})
    await clock.advance(MINUTE)
    await shop.work()
    assert len(subjects(shop)) == count + 3


async def test_an_end_that_the_portal_has_set(shop: Shop, clock: ManualClock) -> None:
    """It names the moment and leaves the flag; what is to end in a later period is renewed until then."""
    person, end = await shop.buyer(), START + MONTH
    for moment, ends in ((end, True), (None, False), (end + SECOND, False), (end - DAY, True)):
        await told(shop, subscription(end=end, cancel_at=moment and seconds(moment)))
        assert await shop.bought() == ("ACTIVE", "pro-monthly", ends)
    await Trial.all().delete()
    await clock.advance(MONTH + 7 * DAY)
    assert await shop.limit(person) == FREE


async def test_a_receipt_is_sent_once(shop: Shop) -> None:
    """Also when an invoice is told of again after the job of its receipt has been forgotten."""
    person = await shop.buyer()
    await told(shop, subscription(), invoice())
    converted = (await shop.trial(person)).converted_at
    await Job.all().delete()
    await told(shop, invoice(number="A-0002"))
    assert await waiting(letters.BILLING) == []
    assert subjects(shop).count("Your payment has arrived") == 1
    assert (await shop.trial(person)).converted_at == converted


async def test_nobody_reads_letters_of_what_is_gone(shop: Shop) -> None:
    """A user who has gone or is suspended, an invoice or a subscription that is not there: nothing is sent."""
    person, app = await shop.buyer(), shop.porchlight.app
    await shop.work()
    count = len(subjects(shop))
    for news in letters.News:
        payload = {"user_id": person.user_id, "news": news, "subject": "gone"}
        await send(app, letters.BILLING, payload, delivery=news)
        await send(app, letters.BILLING, payload | {"user_id": 99}, delivery=f"{news}:99")
    await told(shop, subscription(lookup_key="sold-out:eur"))
    await told(shop, subscription(status="canceled"))
    assert len(subjects(shop)) == count + 1
    await User.all().update(suspended_at=START)
    await send(app, letters.BILLING, {"user_id": person.user_id, "news": "CANCELED", "subject": "sub_1"})
    assert len(subjects(shop)) == count + 1


async def test_who_had_no_trial_buys_too(shop: Shop, clock: ManualClock) -> None:
    """There is nothing to convert; an end that was asked for comes also when nobody tells of it."""
    person = await shop.buyer()
    await Trial.all().delete()
    await told(shop, subscription(status="incomplete"))
    assert await shop.limit(person) == FREE
    await told(shop, subscription(cancel_at_period_end=True), invoice())
    assert await shop.limit(person) == PRO
    await clock.advance(MONTH + 7 * DAY - SECOND)
    assert await shop.limit(person) == PRO
    await clock.advance(SECOND)
    assert await shop.limit(person) == FREE


async def test_which_plan_a_price_is_of(shop: Shop) -> None:
    """By lookup key, by metadata once the key has moved on, as before while the price is the same, else none."""
    person = await shop.buyer()
    for facts, plan in (
        ({"lookup_key": "pro-yearly:usd"}, "pro-yearly"),
        ({"lookup_key": None}, "pro-yearly"),
        ({"lookup_key": None, "price": "price_2", "price_metadata": {"plan": "pro-monthly"}}, "pro-monthly"),
        ({"lookup_key": "gone:eur", "price": "price_3"}, None),
    ):
        await told(shop, subscription(**facts))
        assert (await shop.bought())[1] == plan
    assert await shop.limit(person) == PRO  # by the trial
    await Trial.all().delete()
    assert await shop.limit(person) == FREE


async def test_live_streams_hear_of_a_purchase(shop: Shop) -> None:
    """What waits for a plan to lapse, and what shows meters, wakes as soon as the change has committed."""
    person, app = await shop.buyer(), shop.porchlight.app
    await Trial.all().delete()
    await told(shop, subscription(), invoice())
    limits(shop.porchlight, "free", recommendations=False)
    lapse = asyncio.create_task(entitlements.lapse(app, person.user_id, "recommendations"))
    meters = usage.watch(app, person.user_id)
    change = asyncio.ensure_future(anext(meters))
    await until(lambda: len(app.plans_changed._waiting.get(str(person.user_id), ())) == 2)
    await told(shop, subscription(status="paused"))
    async with asyncio.timeout(20):
        await lapse
        assert (await change).limit == FREE
    await meters.aclose()


# ── races ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def overtaken(monkeypatch: pytest.MonkeyPatch, first: Callable[[], Awaitable[object]]) -> None:
    """Let something happen after the next write has read its row, and before it writes."""
    once = applying._once

    async def late(app: Any, user_id: int, put: Any) -> Any:
        monkeypatch.setattr(applying, "_once", once)
        await first()
        return await once(app, user_id, put)

    monkeypatch.setattr(applying, "_once", late)


async def test_who_is_overtaken_looks_again(shop: Shop, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a row was made or changed meanwhile: the newer answer stays, the older one is not written."""
    await shop.buyer()
    app, ended = shop.porchlight.app, subscription_of(subscription(cancel_at_period_end=True))
    plain, unpaid, paid = subscription_of(subscription()), invoice_of(invoice(status="open")), invoice_of(invoice())
    for _ in range(2):
        earlier, later = clock.now(), clock.now() + SECOND
        await clock.advance(2 * SECOND)
        overtaken(monkeypatch, partial(apply_subscription, app, ended, at=later))
        row = await apply_subscription(app, plain, at=earlier)
        assert row is not None
        assert row.cancel_at_period_end
        overtaken(monkeypatch, partial(apply_invoice, app, paid, at=later))
        bill = await apply_invoice(app, unpaid, at=earlier)
        assert bill is not None
        assert bill.status is InvoiceStatus.PAID
    assert (await PlanSubscription.all().count(), await Invoice.all().count()) == (1, 1)
    assert await TrialChange.filter(kind="CONVERTED").count() == 1


async def test_who_goes_meanwhile_has_bought_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is deleted between our look and our write: nothing is written, and nothing is tried for ever."""
    await shop.buyer()
    app = shop.porchlight.app
    overtaken(monkeypatch, lambda: User.all().delete())
    assert await apply_subscription(app, subscription_of(subscription()), at=START) is None
    await shop.buyer("grace@example.com")
    overtaken(monkeypatch, lambda: User.all().delete())
    assert await apply_invoice(app, invoice_of(invoice()), at=START) is None
    assert (await PlanSubscription.all().count(), await Invoice.all().count()) == (0, 0)
    await working.apply(app, {"event": "evt_gone"})


@pytest.mark.parametrize(
    ("facts", "phase", "changes"),
    [
        ({"status": "ACTIVE"}, Phase.PAID, None),
        ({"status": "ACTIVE", "cancel_at_period_end": True}, Phase.PAID, START + 7 * DAY),
        ({"status": "ACTIVE", "cancel_at_period_end": True, "period_end": START - 7 * DAY}, Phase.LAPSED, None),
        ({"status": "PAST_DUE"}, Phase.GRACE, START + 7 * DAY),
        ({"status": "PAST_DUE", "past_due_since": START - DAY}, Phase.GRACE, START + 6 * DAY),
        ({"status": "PAST_DUE", "past_due_since": START - 7 * DAY}, Phase.LAPSED, None),
        ({"status": "UNPAID"}, Phase.LAPSED, None),
        ({"status": "CANCELED"}, Phase.LAPSED, None),
        ({"status": "INCOMPLETE"}, Phase.NONE, None),
        ({"status": "TRIALING"}, Phase.NONE, None),
        ({"status": "PAUSED"}, Phase.NONE, None),
    ],
)
def test_what_a_subscription_gives(facts: dict[str, Any], phase: Phase, changes: datetime | None) -> None:
    """By its row and the clock alone; of several the one that gives access counts, then one that is not over."""
    status = PlanSubscriptionStatus(facts.pop("status"))
    row = PlanSubscription(id=1, status=status, **{**NOTHING, **facts})
    found = (standing.phase(row, START), standing.next_change(row, START))
    assert found == (phase, changes)
    over = PlanSubscription(id=2, status=PlanSubscriptionStatus.CANCELED, **NOTHING)
    assert standing.purchase_of([over, row], START) is (over if status in standing.OVER else row)
    assert standing.purchase_of([], START) is None
