"""Funnels and retention, as a count by hand gives them, and who may see figures."""

from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from core.errors import BadUserInput, NotFound
from core.settings import Settings
from models import ActiveWeek, Event, RetentionWeek, Session, Trial, User
from services.analytics import Name
from services.analytics.figures import funnels, retention
from services.analytics.figures.retention import WEEK, WEEKS, Cohort, monday_of
from services.app import App, open_app
from tests.clock import START, ManualClock
from tests.worlds import DAY, HOUR, MIDNIGHT, SECOND, Being, a_being, settle_in

PEOPLE = 150
SIGNUP = ["registered", "address_verified", "onboarding_completed", "trial_over", "paid"]


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, whose database the test uses."""
    async with open_app(replace(settings, test_domains=("lamp.figures",)), clock=clock) as app:
        yield app


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- each test reads rows
def bound(app: App) -> Any:
    with app.database.bound():
        yield


async def happened(being: Being, name: Name, **properties: Any) -> None:
    """An event, told twice."""
    for _ in range(2):
        await Event.create(name=name, version=1, user_id=being.user_id, at=being.started_at, properties=properties)


async def onboard(random: Random, being: Being) -> list[str]:
    """Let somebody do some of the steps of the onboarding; what they have done."""
    done = [step for step in funnels.ORDER if random.random() < 0.9]
    for step in done:
        await happened(being, Name.ONBOARDING_STEP_COMPLETED, step=step)
    if len(done) == len(funnels.ORDER):
        await happened(being, Name.ONBOARDING_COMPLETED)
    return done


async def test_funnels_are_what_a_count_by_hand_gives(app: App, clock: ManualClock) -> None:
    """Each person once, at the steps that they and no step before it left out; of the staff and of tests nobody."""
    random = Random(11)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same world each time
    world = [a_being(random, number, days=30) for number in range(PEOPLE)]
    await settle_in(world)
    now = MIDNIGHT + 40 * DAY
    signup: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    for number, being in enumerate(world):
        is_verified = random.random() < 0.9
        if is_verified:
            await User.filter(id=being.user_id).update(email_verified_at=being.started_at)
        if number % 10 == 0:
            await Trial.filter(user_id=being.user_id).delete()
        done = await onboard(random, being)
        if not being.counts or being.started_at < MIDNIGHT + DAY:
            continue
        has_trial = number % 10 != 0
        is_over = being.ends_at <= now or "converted_at" in being.more
        reached = [True, is_verified, len(done) == len(funnels.ORDER), has_trial and is_over, has_trial and being.paid]
        for step, ok in zip(SIGNUP, reached, strict=True):
            if not ok:
                break
            signup[step] += 1
        steps["registered"] += 1
        for step in funnels.ORDER:
            if step not in done:
                break
            steps[step] += 1
        steps["completed"] += len(done) == len(funnels.ORDER)
    await clock.jump(now)
    funnel = await funnels.funnel(app, "signup_to_paid", MIDNIGHT + DAY, None)
    assert funnel.steps == tuple((step, signup[step]) for step in SIGNUP)
    assert 0 < funnel.steps[-1][1] < funnel.steps[0][1]
    assert funnel.rate(funnel.steps[1][1]) == signup["address_verified"] / signup["registered"]
    funnel = await funnels.funnel(app, "onboarding", MIDNIGHT + DAY, None)
    assert funnel.steps == tuple((step, steps[step]) for step in ("registered", *funnels.ORDER, "completed"))


async def test_a_funnel_of_nobody_is_empty(app: App) -> None:
    """Of days in which nobody registered; one that is not known is not there."""
    funnel = await funnels.funnel(app, "signup_to_paid", None, None)
    assert [(step, count, funnel.rate(count)) for step, count in funnel.steps] == [(step, 0, 0.0) for step in SIGNUP]
    with pytest.raises(NotFound):
        await funnels.funnel(app, "nothing", None, None)
    with pytest.raises(BadUserInput):
        await funnels.funnel(app, "onboarding", START, START - DAY)


async def use(user_id: int, at: Any, *, number: int) -> None:
    """A session that began earlier and was used last at a moment."""
    moments = {"created_at": START - 99 * DAY, "rotated_at": START - 99 * DAY, "last_seen_at": None}
    column = ("created_at", "rotated_at", "last_seen_at")[number % 3]
    await Session.create(
        key=f"{user_id}.{number}", user_id=user_id, salt=b"", counter=0, expires_at=at, **{**moments, column: at}
    )


async def test_retention_is_what_a_count_by_hand_gives(app: App, clock: ManualClock) -> None:
    """Weeks of Mondays in UTC; whatever is seen of a session counts once a week; what is over stays when people go."""
    random = Random(3)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same world each time
    monday = monday_of(MIDNIGHT.date())
    assert monday == MIDNIGHT.date()
    world = [a_being(random, number, days=21) for number in range(40)]
    await settle_in(world)
    expected: dict[Any, Counter[Any]] = {}
    for week in range(5):
        for being in world:
            registered = (monday_of(being.started_at.date()) - monday) // WEEK
            if registered > week or random.random() < 0.4:
                continue
            for number in range(random.choice([1, 2])):
                moment = MIDNIGHT + week * WEEK + random.choice([timedelta(0), 3 * DAY, WEEK - SECOND])
                await use(being.user_id, moment, number=week * 10 + number)
            if being.counts:
                expected.setdefault(registered, Counter())[week - registered] += 1
        await clock.jump(MIDNIGHT + (week + 1) * WEEK + HOUR - SECOND)
        await retention.retain(app, {})
        assert not await RetentionWeek.exists(week=monday + week * WEEK)
        await clock.advance(SECOND)
        for _ in range(2):
            await retention.retain(app, {})
        await Session.all().delete()
    counted = Counter((monday_of(being.started_at.date()) - monday) // WEEK for being in world if being.counts)
    table = [
        Cohort(monday + at * WEEK, counted[at], tuple((week, expected[at][week]) for week in range(5 - at)))
        for at in sorted(counted)
    ]
    assert await retention.retention(app, None, None) == table
    await User.all().delete()
    assert await retention.retention(app, None, None) == table
    assert await ActiveWeek.all().count() == 0
    assert await retention.retention(app, MIDNIGHT + DAY, None) == table[1:]


async def test_a_cohort_is_followed_for_half_a_year(app: App, clock: ManualClock) -> None:
    """Its size is that at the end of its own week, also when people have left; a week without a worker is unknown."""
    world = [Being(f"p{number}@people.figures", MIDNIGHT, MIDNIGHT) for number in range(3)]
    await settle_in(world)
    for week in range(WEEKS + 2):
        await clock.jump(MIDNIGHT + (week + 1) * WEEK + DAY)
        if week == 1:
            await User.filter(id=world[0].user_id).delete()
        if week != 4:
            await retention.retain(app, {})
    await settle_in([Being("late@people.figures", clock.now(), clock.now())])
    await clock.advance(WEEK)
    await retention.retain(app, {})
    first, second = await retention.retention(app, MIDNIGHT, None)
    assert (first.size, [week for week, _ in first.weeks]) == (3, [n for n in range(WEEKS + 1) if n != 4])
    assert (second.size, second.weeks) == (1, ((0, 0),))
