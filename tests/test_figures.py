"""Figures are what a count by hand gives, and stay so when rows go."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest

from core.errors import BadUserInput
from core.settings import Settings
from models import DepartedTrial, Event, InvoiceStatus, KpiDay, Role, User
from services import accounts
from services.analytics import Name
from services.analytics.figures import fraud, freezing, kpis, sign_ins, trials
from services.analytics.figures.days import LONGEST, Window, window_of
from services.analytics.figures.kpis import Kpi
from services.analytics.figures.measure import Counts, added
from services.analytics.figures.measures import MEASURES
from services.analytics.figures.statistics import Verdict, wilson
from services.app import App, open_app
from tests.clock import START, ManualClock
from tests.worlds import DAY, HOUR, MIDNIGHT, SECOND, TO_PAY, Being, Bill, a_being, by_hand, check, settle_in

PEOPLE = 300


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, whose database the test uses."""
    async with open_app(replace(settings, test_domains=("lamp.figures",)), clock=clock) as app:
        yield app


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- each test reads rows
def bound(app: App) -> Any:
    with app.database.bound():
        yield


async def told(app: App, key: str, days: int = 400) -> Kpi:
    """One figure, of the last days."""
    found = await kpis.kpis(app, app.clock.now() - days * DAY + DAY, None)
    return next(kpi for kpi in found if kpi.measure.key == key)


def of_days(counts: dict[date, Counts]) -> dict[date, tuple[int, float | None]]:
    """Size and value of each day that has any."""
    return {day: (each.size, each.values[1.0] / each.size) for day, each in counts.items() if each.size}


def series(kpi: Kpi) -> dict[date, tuple[int, float | None]]:
    return {point.day: (point.size, point.value) for point in kpi.series if point.size}


def beings(count: int, *, paid: bool, started_at: Any = MIDNIGHT, name: str = "p") -> list[Being]:
    """People alike, of whom all or none buys at the end of the trial."""
    end = started_at + 14 * DAY
    bill = Bill("pro-monthly", InvoiceStatus.PAID, 1900, end, end)
    return [
        Being(f"{name}{number}@people.figures", started_at, end, bills=[bill] if paid else [])
        for number in range(count)
    ]


async def test_conversion_is_what_a_count_by_hand_gives(app: App, clock: ManualClock) -> None:
    """Day by day and in all, live, frozen, frozen twice, and when everybody has gone."""
    random = Random(7)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same world each time
    world = [a_being(random, number) for number in range(PEOPLE)]
    await settle_in(world)
    await clock.advance(66 * DAY)
    conversions, failures = by_hand(world, clock.now())
    whole = added(conversions.values())
    assert min(whole.size - 99, whole.values[1.0] - 9, whole.pending - 9) > 0
    for _ in range(3):
        kpi, failed = await told(app, "trial_conversion"), await told(app, "first_payment_failures")
        assert series(kpi) == of_days(conversions)
        assert kpi.counts.values == whole.values
        assert (kpi.estimate.low, kpi.estimate.high) == wilson(whole.values[1.0], whole.size)
        assert kpi.counts.pending == whole.pending > 0
        assert series(failed) == of_days(failures)
        await freezing.freeze(app, {})
    frozen = {row.day for row in await KpiDay.filter(key="trial_conversion")}
    last = {day: max(being.deadline for being in world if being.started_at.date() == day) for day in conversions}
    assert frozen & set(conversions) >= {day for day, end in last.items() if end <= clock.now() - trials.TO_LEARN}
    assert not {day for day in conversions if conversions[day].pending} & frozen
    await User.all().delete()
    left = series(await told(app, "trial_conversion"))
    assert left == {day: seen for day, seen in of_days(conversions).items() if day in frozen}


@pytest.mark.parametrize(
    ("count", "ago", "expected"),
    [
        (20, 30, (20, 0, Verdict.NOT_ENOUGH_DATA)),
        (29, 30, (29, 0, Verdict.NOT_ENOUGH_DATA)),
        (30, 30, (30, 0, Verdict.MET)),
        (30, 17, (30, 0, Verdict.MET)),
        (60, 16, (0, 60, Verdict.NOT_ENOUGH_DATA)),
        (60, 0, (0, 60, Verdict.NOT_ENOUGH_DATA)),
    ],
)
async def test_few_and_immature_trials_say_nothing(
    app: App, clock: ManualClock, count: int, ago: int, expected: tuple[int, int, Verdict]
) -> None:
    """However many of them have paid: twenty are not enough, and a trial counts 72 hours after its end."""
    await settle_in(beings(count, paid=True))
    await clock.jump(MIDNIGHT + ago * DAY)
    kpi = await told(app, "trial_conversion")
    assert (kpi.counts.size, kpi.counts.pending, kpi.verdict) == expected
    assert kpi.estimate.value == (1.0 if kpi.counts.size else None)


async def test_a_target_is_missed_or_open(app: App, clock: ManualClock) -> None:
    """Nobody of fifty has paid; with sixty who have, the share is right and the interval holds the target."""
    await settle_in(beings(50, paid=False))
    await clock.advance(20 * DAY)
    assert (await told(app, "trial_conversion")).verdict is Verdict.MISSED
    await settle_in(beings(45, paid=True, name="q"))
    kpi = await told(app, "trial_conversion")
    assert (kpi.estimate.value, kpi.verdict) == (45 / 95, Verdict.NOT_ENOUGH_DATA)


async def test_an_account_that_is_deleted_leaves_what_became_of_its_trial(app: App, clock: ManualClock) -> None:
    """Before its day is frozen, be its trial over or not; what is left leads to nobody. Others leave nothing."""
    world = [*beings(3, paid=True), *beings(4, paid=False, name="q")]
    world[3].charge_failed_at = world[3].ends_at + HOUR
    world[6].role = Role.SUPPORT
    await settle_in(world)
    await clock.advance(15 * DAY)
    for being in (world[0], world[3], world[4], world[6]):
        await User.filter(id=being.user_id).update(deletion_at=clock.now())
        await accounts.delete(app, {"user_id": being.user_id, "deletion_at": clock.now().isoformat()})
    assert await User.all().count() == 3
    rows = await DepartedTrial.all().order_by("id").values_list("day", "counts_on", "paid", "failed")
    begun, counted = MIDNIGHT.date(), (MIDNIGHT + 18 * DAY).date()
    assert rows == [(begun, counted, True, False), (begun, counted, False, True), (begun, counted, False, False)]
    kpi = await told(app, "trial_conversion")
    assert (kpi.counts.size, kpi.counts.pending) == (0, 6)
    await clock.advance(5 * DAY)
    for _ in range(2):
        kpi, failed = await told(app, "trial_conversion"), await told(app, "first_payment_failures")
        assert (kpi.counts.size, kpi.counts.values[1.0], kpi.counts.pending) == (6, 3, 0)
        assert (failed.counts.size, failed.counts.values[1.0]) == (4, 1)
        await freezing.freeze(app, {})
    assert await KpiDay.filter(key="trial_conversion", day=MIDNIGHT.date()).count() == 1
    await clock.advance(LONGEST * DAY)
    await freezing.freeze(app, {})
    assert await DepartedTrial.all().count() == 0


async def test_who_becomes_staff_or_fraud_counts_until_the_day_is_frozen(app: App, clock: ManualClock) -> None:
    """What is frozen stays, whatever becomes of people."""
    world = beings(5, paid=True)
    await settle_in(world)
    await clock.jump(MIDNIGHT + 14 * DAY + TO_PAY)
    assert (await told(app, "trial_conversion")).counts.size == 5
    await User.filter(id=world[0].user_id).update(role=Role.SUPPORT)
    await check(("REVIEW", "CONFIRMED"), at=clock.now(), user_id=world[1].user_id)
    await freezing.freeze(app, {})
    assert (await told(app, "trial_conversion")).counts.size == 3
    assert not await KpiDay.exists(key="trial_conversion", day=MIDNIGHT.date())
    await clock.advance(trials.TO_LEARN)
    await freezing.freeze(app, {})
    await User.filter(id=world[2].user_id).update(email_key="p2@example.com")
    assert (await told(app, "trial_conversion")).counts.size == 3


async def test_sign_ins_are_attempts_that_were_proven(app: App, clock: ManualClock) -> None:
    """One event an attempt, by its day; those of the staff and of tests are left out."""
    world = [*beings(2, paid=False), *beings(1, paid=False, name="staff")]
    world[1].email, world[2].role = "p1@example.com", Role.ADMIN
    await settle_in(world)
    outcomes = ["signed_in"] * 3 + ["factor_failed", "factor_abandoned", "suspended"]
    for number, outcome in enumerate(outcomes):
        for being in world:
            at = MIDNIGHT + 2 * DAY - (HOUR if number % 2 else timedelta(0))
            told_of = {"outcome": outcome, "factor": False}
            await Event.create(name=Name.SIGN_IN_PROVEN, version=1, user_id=being.user_id, at=at, properties=told_of)
    await clock.advance(9 * DAY)
    day = (MIDNIGHT + DAY).date()
    expected = {day: Counts.share(1, 3), day + DAY: Counts.share(2, 3)}
    assert await sign_ins.sign_ins(app, day, day + 2 * DAY) == expected
    assert await sign_ins.sign_ins(app, day + DAY, day + DAY) == {}
    await freezing.freeze(app, {})
    await Event.all().delete()
    assert series(await told(app, "sign_in_success")) == of_days(expected)


async def test_fraud_is_counted_by_checks_and_by_reviews(app: App, clock: ManualClock) -> None:
    """Checks on their day, cases on the day of their decision; addresses of tests are left out, forgotten ones not."""
    at = MIDNIGHT + 3 * DAY
    seen = [("ALLOW", None)] * 5 + [("CHALLENGE", None)] * 3 + [("BLOCK", "OPEN"), ("REVIEW", "CONFIRMED")]
    seen += [("LIMIT", "DISMISSED"), ("BLOCK", "DISMISSED")]
    for number, each in enumerate(seen):
        email = None if number == 0 else f"Q{number}@People.figures"
        await check(each, at=at, email=email, closed_at=at + DAY)
        await check(each, at=at, email="x@example.com")
    day = at.date()
    await clock.advance(9 * DAY)
    assert await fraud.CHALLENGED.gather(app, day, day + DAY) == {day: Counts.share(3, 12)}
    assert await fraud.BLOCKED.gather(app, day, day + 9 * DAY) == {day: Counts.share(2, 12)}
    assert await fraud.dismissals(app, day, day + 9 * DAY) == {day + DAY: Counts.share(2, 3)}
    assert (await told(app, "fraud_false_positives")).estimate.value == 2 / 3


async def test_days_freeze_when_they_are_over(app: App, clock: ManualClock) -> None:
    """An hour after their end, from the first registration on; nothing at all while nobody has registered."""
    await freezing.freeze(app, {})
    assert await KpiDay.all().count() == 0
    await settle_in(beings(1, paid=False))
    await clock.jump(MIDNIGHT + 2 * DAY + HOUR - SECOND)
    await freezing.freeze(app, {})
    settled = [measure.key for measure in MEASURES if measure.key.startswith(("fraud", "sign_in"))]
    assert len(settled) == 4
    assert set(await KpiDay.all().values_list("key", "day")) >= {(key, MIDNIGHT.date()) for key in settled}
    assert not await KpiDay.exists(day=(MIDNIGHT + DAY).date())
    await clock.advance(SECOND)
    await freezing.freeze(app, {})
    assert set(await KpiDay.filter(day=(MIDNIGHT + DAY).date()).values_list("key", flat=True)) >= set(settled)
    assert not await KpiDay.exists(key="trial_conversion", day=MIDNIGHT.date())


def test_windows_are_whole_days() -> None:
    """In UTC, none after today; 90 of them by default, at most 400."""
    today = START.date()
    assert window_of(None, None, START) == Window(today - 89 * DAY, today + DAY)
    assert window_of(START - DAY, START, START) == Window(today - DAY, today + DAY)
    assert window_of(MIDNIGHT - DAY, MIDNIGHT, START) == Window(today - DAY, today)
    assert window_of(MIDNIGHT, MIDNIGHT + 9 * DAY, START).days == [today]
    assert len(window_of(MIDNIGHT - 399 * DAY, None, START).days) == LONGEST
    for since, until in ((MIDNIGHT - 400 * DAY, None), (START, MIDNIGHT), (START + DAY, None)):
        with pytest.raises(BadUserInput):
            window_of(since, until, START)
    east, west = (timezone(timedelta(hours=hours)) for hours in (14, -12))
    assert window_of(None, datetime.max.replace(tzinfo=west), START) == window_of(None, None, START)
    assert window_of(None, START.replace(tzinfo=None), START) == window_of(None, START, START)
    for since in (datetime.min.replace(tzinfo=east), datetime.max.replace(tzinfo=west)):
        with pytest.raises(BadUserInput):
            window_of(since, None, START)
