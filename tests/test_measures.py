"""Answers, satisfaction and first steps as figures: what a count by hand gives, live, frozen and folded."""

from collections import Counter, defaultdict
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from core.settings import Settings
from models import AnswerOutcome, Event, Feedback, KpiDay, OnboardingStep, RequestMinute, User
from services import measuring, onboarding
from services.analytics import Name
from services.analytics.figures import answers, first_steps, freezing, kpis, satisfaction
from services.analytics.figures.kpis import Kpi
from services.analytics.figures.statistics import Verdict, bootstrap_mean, quantile, quantile_interval, wilson
from services.app import App, open_app
from services.feedback import window_of
from services.measuring import BUCKETS_MS, Transport, minute_of
from tests.clock import ManualClock
from tests.worlds import DAY, HOUR, MIDNIGHT, SECOND, Being, a_being, settle_in

OK, INTERNAL, UNAVAILABLE, FAILED = AnswerOutcome
WEEK = 7 * DAY


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, whose database the test uses."""
    async with open_app(replace(settings, test_domains=("lamp.figures",)), clock=clock) as app:
        yield app


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- each test reads rows
def bound(app: App) -> Any:
    with app.database.bound():
        yield


async def told(app: App) -> dict[str, Kpi]:
    """Each figure of the last 90 days."""
    return {kpi.measure.key: kpi for kpi in await kpis.kpis(app, None, None)}


def series(kpi: Kpi) -> dict[date, tuple[int, float | None]]:
    return {point.day: (point.size, point.value) for point in kpi.series if point.size}


def dice(seed: int) -> Random:
    """Chance that is the same each time."""
    return Random(seed)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same world each time


async def test_answers_are_what_a_count_by_hand_gives(app: App, clock: ManualClock) -> None:
    """By days in UTC and ways in: live, frozen, with minutes folded into hours, and when the minutes are gone."""
    random, rows = dice(5), Counter[tuple[int, str, AnswerOutcome, int]]()
    first = minute_of(MIDNIGHT)
    for _ in range(600):
        by = random.choice(list(Transport))
        outcome = random.choice([OK] * 12 + [INTERNAL, UNAVAILABLE, FAILED])
        bound = 0 if by in answers.SOCKETS else random.choice(BUCKETS_MS)
        rows[first + random.choice([0, 1, 1439, 1440, 2000, 4319]), by, outcome, bound] += random.randint(1, 3)
    await User.create(email="e", email_key="e", password_hash="", created_at=MIDNIGHT)
    for (minute, way, outcome, bound), count in rows.items():
        await RequestMinute.create(minute=minute, transport=way, outcome=outcome, within_ms=bound, count=count)
    asked: dict[date, Counter[AnswerOutcome]] = defaultdict(Counter)
    sockets: dict[date, Counter[AnswerOutcome]] = defaultdict(Counter)
    times: dict[date, Counter[float]] = defaultdict(Counter)
    for (minute, way, outcome, bound), count in rows.items():
        day = MIDNIGHT.date() + (minute - first) // 1440 * DAY
        (sockets if way in answers.SOCKETS else asked)[day][outcome] += count
        if way not in answers.SOCKETS and outcome in {OK, INTERNAL}:
            times[day][float(bound)] += count
    await clock.jump(MIDNIGHT + 4 * DAY)
    for step in ("live", "frozen", "folded", "gone"):
        found = await told(app)
        for key, by_day, counted in (
            ("error_rate", asked, {INTERNAL, UNAVAILABLE, FAILED}),
            ("availability", asked, {OK, INTERNAL}),
            ("socket_availability", sockets, {OK, INTERNAL}),
        ):
            shares = {day: (sum(tally[each] for each in counted), tally.total()) for day, tally in by_day.items()}
            assert series(found[key]) == {day: (total, part / total) for day, (part, total) in shares.items()}, step
            part, total = (sum(column) for column in zip(*shares.values(), strict=True))
            assert (found[key].estimate.low, found[key].estimate.high) == wilson(part, total)
            assert found[key].verdict is Verdict.MISSED
        whole: Counter[float] = sum(times.values(), Counter(dict.fromkeys(map(float, BUCKETS_MS), 0)))
        latency = found["latency_p95"]
        assert series(latency) == {day: (tally.total(), quantile(tally, 0.95)) for day, tally in times.items()}
        ordered = sorted(whole.elements())
        assert latency.estimate.value == ordered[-(-len(ordered) * 95 // 100) - 1] > 525
        assert (latency.estimate.low, latency.estimate.high) == quantile_interval(
            {**dict.fromkeys(map(float, BUCKETS_MS), 0), **whole}, 0.95
        )
        assert latency.verdict is Verdict.MISSED
        if step == "live":
            await freezing.freeze(app, {})
        elif step == "frozen":
            assert await KpiDay.filter(key__in=["latency_p95", "availability"]).count() > 0
            await KpiDay.all().delete()
            await clock.advance(DAY)
            await measuring.fold(app, {})
            assert await RequestMinute.filter(minute__in=[first + 1, first + 1439]).count() == 0
            await measuring.fold(app, {})
        elif step == "folded":
            await freezing.freeze(app, {})
            await RequestMinute.all().delete()


@pytest.mark.parametrize(
    ("slow", "bound", "verdict"),
    [(30, 500, Verdict.MET), (30, 525, Verdict.MET), (50, 525, Verdict.NOT_ENOUGH_DATA), (80, 750, Verdict.MISSED)],
)
async def test_a_target_is_an_edge(app: App, slow: int, bound: int, verdict: Verdict) -> None:
    """What takes as long as the target meets it, and what takes longer misses it, once there is enough of it."""
    for within_ms, count in ((100, 1000 - slow), (bound, slow)):
        minute = minute_of(MIDNIGHT)
        await RequestMinute.create(
            minute=minute, transport=Transport.HTTP, outcome=OK, within_ms=within_ms, count=count
        )
    found = await told(app)
    assert found["latency_p95"].verdict is verdict
    assert (found["availability"].verdict, found["error_rate"].verdict) == (Verdict.NOT_ENOUGH_DATA,) * 2
    assert found["socket_availability"].estimate.value is None


async def test_satisfaction_is_what_a_count_by_hand_gives(app: App, clock: ManualClock) -> None:
    """Each person once a window, asked or answering; of the staff, tests and fraud nobody. Asking twice is once."""
    random = dice(13)
    world = [a_being(random, number, days=1) for number in range(150)]
    await settle_in(world)
    scores: dict[date, Counter[float]] = defaultdict(Counter)
    asked: Counter[date] = Counter()
    first = MIDNIGHT + (30 - (MIDNIGHT.timestamp() // 86_400) % 30) * DAY
    for being in world:
        for window in (0, 1):
            began = first + window * 30 * DAY
            moments = [began + random.choice([timedelta(0), SECOND, 9 * DAY, 30 * DAY - SECOND]) for _ in range(2)]
            prompts = random.choice([[], [moments[0]], moments])
            answer = random.choice([None, *moments])
            for at in prompts:
                await Event.create(name=Name.FEEDBACK_PROMPTED, version=1, user_id=being.user_id, at=at, properties={})
            if answer:
                score = random.choice([3, 4, 5, 5, 5])
                await Feedback.create(user_id=being.user_id, window=window_of(answer), score=score, at=answer)
                if being.counts:
                    scores[answer.date()][float(score)] += 1
            if being.counts and (seen := [*prompts, *([answer] if answer else [])]):
                asked[min(seen).date()] += 1
    await clock.jump(first + 80 * DAY)
    for _ in range(2):
        kpi = (await told(app))["satisfaction"]
        whole: Counter[float] = sum(scores.values(), Counter())
        mean = sum(score * count for score, count in whole.items()) / whole.total()
        assert kpi.estimate.value == pytest.approx(mean)
        assert {day: size for day, (size, _) in series(kpi).items()} == {day: s.total() for day, s in scores.items()}
        assert (kpi.estimate.low, kpi.estimate.high) == bootstrap_mean(whole)
        assert (kpi.counts.size, kpi.counts.asked) == (whole.total(), asked.total())
        assert 99 < whole.total() < asked.total()
        await freezing.freeze(app, {})
    gathered = await satisfaction.scores(app, first.date() + DAY, first.date() + 9 * DAY)
    assert {day: counts.asked for day, counts in gathered.items()} == {
        day: count for day, count in asked.items() if first.date() < day < first.date() + 9 * DAY
    }


async def test_onboarding_is_what_a_count_by_hand_gives(app: App, clock: ManualClock) -> None:
    """A week after the registration of each, to the second, by the steps that are not optional."""
    random = dice(17)
    world = [a_being(random, number, days=14) for number in range(200)]
    await settle_in(world)
    now = MIDNIGHT + 16 * DAY + 9 * HOUR
    cohorts: dict[date, list[bool]] = defaultdict(list)
    pending = 0
    for being in world:
        done = await walk(random, being)
        if not being.counts:
            continue
        if being.started_at > now - WEEK:
            pending += 1
        else:
            whole = all(step.optional or done.get(step.key, 9 * WEEK) <= WEEK for step in onboarding.STEPS)
            cohorts[being.started_at.date()].append(whole)
    await clock.jump(now)
    expected = {day: (len(cohort), sum(cohort) / len(cohort)) for day, cohort in cohorts.items()}
    for _ in range(2):
        kpi = (await told(app))["onboarding_completion"]
        assert series(kpi) == expected
        people = [each for cohort in cohorts.values() for each in cohort]
        assert (kpi.estimate.low, kpi.estimate.high) == wilson(sum(people), len(people))
        assert kpi.counts.pending == pending > 0
        await freezing.freeze(app, {})
    frozen = {row.day for row in await KpiDay.filter(key="onboarding_completion")}
    await User.all().delete()
    left = series((await told(app))["onboarding_completion"])
    assert left == {day: value for day, value in expected.items() if day in frozen} != {}


async def walk(random: Random, being: Being) -> dict[str, timedelta]:
    """Let somebody do steps; how long after the registration each was done."""
    done = {}
    for step in onboarding.STEPS:
        after = random.choice([timedelta(0), HOUR, WEEK, WEEK, WEEK, WEEK + SECOND, None])
        if after is not None:
            done[step.key] = after
            await OnboardingStep.create(user_id=being.user_id, step=step.key, done_at=being.started_at + after)
    return done


def test_targets() -> None:
    """As they were set."""
    told = {
        each.key: (each.comparison.value, each.target)
        for each in (
            first_steps.ONBOARDING_COMPLETION, satisfaction.SATISFACTION, answers.LATENCY, answers.ERROR_RATE,
            answers.AVAILABILITY, answers.SOCKET_AVAILABILITY,
        )
    }  # fmt: skip
    assert told == {
        "onboarding_completion": ("AT_LEAST", 0.85),
        "satisfaction": ("AT_LEAST", 4.5),
        "latency_p95": ("AT_MOST", 500.0),
        "error_rate": ("AT_MOST", 0.001),
        "availability": ("AT_LEAST", 0.9999),
        "socket_availability": ("AT_LEAST", 0.999),
    }
