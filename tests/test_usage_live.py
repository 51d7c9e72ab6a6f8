"""Usage live, and what is thrown away of it."""

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import Trial, UsageCounter, UsageRecord, UsageReservation
from services import pruning, usage
from services.usage.watching import watch
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.plans import limits
from tests.porchlight import Connection, Person, Porchlight
from tests.test_entitlements import change, until_true
from tests.test_usage import record
from worker.schedule import SCHEDULE
from worker.tasks import TASKS

LIVE = "subscription { usageChanged { key used reserved limit resetsAt } }"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- jobs are done when the tests say so
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers leave the jobs alone."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())


async def following(porchlight: Porchlight, connection: Connection) -> None:
    await connection.subscribe(LIVE)
    await until_true(lambda: any(porchlight.app.usage_changed._waiting.values()))


async def shown(connection: Connection) -> dict[str, Any]:
    meter: dict[str, Any] = (await connection.next())["data"]["usageChanged"]
    return meter


async def test_usage_is_followed_live(start: Start) -> None:
    """What there is, then each change, told on another process where there is a bus; nobody else's; nothing stays."""
    here = await start()
    there = await start() if here.app.settings.redis_url else here
    person, other = await here.register(), await here.register("grace@example.com")
    await record(here, person, quantity=2)
    async with here.connect(token=person.access_token) as connection:
        await following(here, connection)
        assert await shown(connection) == {
            "key": "api-calls", "used": 2.0, "reserved": 0.0, "limit": 100_000.0,
            "resetsAt": "2026-04-01T00:00:00+00:00",
        }  # fmt: skip
        await record(there, other, quantity=5, idempotencyKey="other")
        await record(there, person, quantity=2)
        await record(there, person, quantity=3, idempotencyKey="more")
        assert (await shown(connection))["used"] == 5
        with there.app.database.bound():
            reserved = await usage.reserve(there.app, person.user_id, usage.Entry("image-analysis", 4, "r"))
        meter = await shown(connection)
        assert (meter["key"], meter["used"], meter["reserved"]) == ("image-analysis", 0, 4)
        assert reserved.reading.remaining == 496
    await until_true(lambda: not here.app.usage_changed._waiting)


async def test_strangers_follow_nothing(porchlight: Porchlight) -> None:
    """Not without signing in."""
    async with porchlight.connect() as connection:
        await connection.subscribe(LIVE)
        assert (await connection.receive())["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_who_has_no_trial_has_usage_too(porchlight: Porchlight) -> None:
    """By the base plan."""
    person, app = await porchlight.register(), porchlight.app
    with app.database.bound():
        await Trial.filter(user_id=person.user_id).delete()
        readings = watch(app, person.user_id)
        coming = asyncio.ensure_future(anext(readings))
        await asyncio.sleep(0.05)
        await record(porchlight, person, quantity=4)
        reading = await asyncio.wait_for(coming, 20)
        assert (reading.used, reading.limit) == (4, 1000)
        await readings.aclose()


async def test_a_slow_reader_finds_the_newest(porchlight: Porchlight) -> None:
    """Twenty changes while nobody looks are one."""
    person, app = await porchlight.register(), porchlight.app
    await record(porchlight, person)
    with app.database.bound():
        readings = watch(app, person.user_id)
        assert (await anext(readings)).used == 1
        for number in range(20):
            await usage.record(app, person.user_id, usage.Entry("api-calls", 1, f"{number}"))
        assert (await anext(readings)).used == 21
        nothing_more = asyncio.ensure_future(anext(readings))
        await asyncio.sleep(0.1)
        assert not nothing_more.done()
        nothing_more.cancel()
        await asyncio.gather(nothing_more, return_exceptions=True)
        await readings.aclose()
    assert app.usage_changed._waiting == {}


async def test_a_window_that_ends_is_a_change(porchlight: Porchlight, clock: ManualClock) -> None:
    """At midnight of the first, nothing is used; and so is the end of a trial, with the smaller limit."""
    person, app = await porchlight.register(), porchlight.app
    await record(porchlight, person, quantity=9)
    await change(porchlight, person, ends_at=datetime(2026, 4, 2, tzinfo=UTC))
    with app.database.bound():
        readings = watch(app, person.user_id)
        assert (await anext(readings)).used == 9
        coming = asyncio.ensure_future(anext(readings))
        await asyncio.sleep(0.05)
        await clock.advance(datetime(2026, 4, 1, tzinfo=UTC) - START)
        first = await asyncio.wait_for(coming, 20)
        assert (first.meter.key, first.used, first.resets_at) == ("api-calls", 0, datetime(2026, 5, 1, tzinfo=UTC))
        assert (await anext(readings)).meter.key == "image-analysis"
        coming = asyncio.ensure_future(anext(readings))
        await asyncio.sleep(0.05)
        await clock.advance(DAY)
        assert (await asyncio.wait_for(coming, 20)).limit == 1000
        await change(porchlight, person, ends_at=datetime(2026, 5, 1, tzinfo=UTC))
        assert [(await anext(readings)).limit for _ in range(2)] == [5, 100_000]
        await readings.aclose()
    assert app.usage_changed._waiting == app.trials_changed._waiting == {}


async def test_what_nobody_needs_is_thrown_away(porchlight: Porchlight, clock: ManualClock) -> None:
    """Reports and ended reservations after 35 days, counters 400 days after their window; the rest stays."""
    person, app = await porchlight.register(), porchlight.app
    now = clock.now()
    mine: Any = {"user_id": person.user_id, "meter": "api-calls", "period": "p"}
    with app.database.bound():
        for key, age in (("kept", 35 * DAY), ("gone", 35 * DAY + timedelta(seconds=1))):
            await UsageRecord.create(**mine, idempotency_key=key, quantity=1, recorded_at=now - age)
            await UsageReservation.create(
                **mine, key=key, idempotency_key=key, quantity=1, created_at=now - age, expires_at=now - age,
                ended_at=now - age,
            )  # fmt: skip
        await UsageReservation.create(
            **mine,
            key="open",
            idempotency_key="o",
            quantity=1,
            created_at=START - 99 * DAY,
            expires_at=START - 99 * DAY,
        )
        for period, ends in (("kept", -400 * DAY), ("gone", -400 * DAY - timedelta(seconds=1)), ("always", None)):
            ends_at = None if ends is None else now + ends
            await UsageCounter.create(**mine | {"period": period}, used=1, ends_at=ends_at)
        await TASKS[pruning.USAGE](app, {})
        assert [row.idempotency_key for row in await UsageRecord.all()] == ["kept"]
        assert sorted(row.key for row in await UsageReservation.all()) == ["kept", "open"]
        assert sorted(row.period for row in await UsageCounter.all()) == ["always", "kept"]


def test_jobs_of_usage_recur() -> None:
    """Ended reservations are given back each minute, and old rows go each day."""
    recurring = {each.kind: each.every for each in SCHEDULE}
    assert (recurring[usage.EXPIRE], recurring[pruning.USAGE]) == (timedelta(minutes=1), DAY)
    assert {usage.EXPIRE, pruning.USAGE} <= TASKS.keys()


async def test_an_upgrade_in_the_middle_of_a_window_counts_on(porchlight: Porchlight) -> None:
    """What was used under the smaller limit is used under the larger one; the way back leaves nothing to use."""
    person: Person = await porchlight.register()
    limits(porchlight, "free", **{"api-calls": 5})
    with porchlight.app.database.bound():
        await Trial.filter(user_id=person.user_id).update(plan_key="free")
        await record(porchlight, person, quantity=5)
        assert (await record(porchlight, person, idempotencyKey="no"))["__typename"] == "UsageLimitReached"
        await Trial.filter(user_id=person.user_id).update(plan_key="pro-yearly")
        assert (await record(porchlight, person, quantity=5, idempotencyKey="up"))["meter"]["remaining"] == 99_990
        await Trial.filter(user_id=person.user_id).update(plan_key="free")
        assert await record(porchlight, person, idempotencyKey="down") == {
            "__typename": "UsageLimitReached",
            "message": "This would be more than your plan includes.",
            "meter": {"key": "api-calls", "used": 10.0, "limit": 5.0, "remaining": 0.0},
        }
