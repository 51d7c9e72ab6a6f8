"""Recurring jobs: one for each slot of time, and what they throw away."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.database import deleting
from core.errors import Unavailable
from core.settings import Settings
from models import Device, Job, OneTimeToken, Purpose, Role, ScheduleRun, Session, User
from services import jobs, pruning
from services.app import App, open_app
from tests.clock import START, ManualClock
from tests.services.valkey import until
from worker.loop import Worker
from worker.schedule import SCHEDULE, Recurring, Schedule
from worker.tasks import TASKS

EVERY_MINUTE = Recurring("test", timedelta(minutes=1))


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, whose database the test uses."""
    async with open_app(settings, clock=clock) as app:
        yield app


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- each test reads rows
def bound(app: App) -> Any:
    with app.database.bound():
        yield


async def slots() -> list[str]:
    return [job.dedup_key for job in await Job.all().order_by("id")]


async def test_each_slot_has_one_job(app: App, clock: ManualClock) -> None:
    """At its beginning, however often somebody looks, and after a restart too."""
    schedule = Schedule(app, [EVERY_MINUTE])
    minute = int(START.timestamp())
    for second, count in ((0, 1), (30, 1), (29, 1), (1, 2), (59, 2), (1, 3)):
        await clock.advance(timedelta(seconds=second))
        await schedule.enqueue()
        await Schedule(app, [EVERY_MINUTE]).enqueue()
        assert await slots() == [f"test:{minute + 60 * number}" for number in range(count)]


async def test_slots_that_nobody_saw_are_made_up_for_once(app: App, clock: ManualClock) -> None:
    """After a night without a worker there is one job, not hundreds; a clock that is set back brings none."""
    schedule = Schedule(app, [EVERY_MINUTE])
    await schedule.enqueue()
    await clock.advance(timedelta(hours=9))
    await schedule.enqueue()
    assert len(await slots()) == 2
    await clock.jump(START)
    await schedule.enqueue()
    assert len(await slots()) == 2


async def test_eight_workers_enqueue_one(settings: Settings, clock: ManualClock) -> None:
    """At the same moment, each over a connection of its own, when none has ever run."""

    async def enqueue(other: App) -> None:
        with other.database.bound():
            await Schedule(other, SCHEDULE).enqueue()

    await ScheduleRun.all().delete()
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(open_app(settings, clock=clock)) for _ in range(8)]
        await asyncio.gather(*(enqueue(other) for other in others))
    assert len(await slots()) == len(SCHEDULE)


async def test_worker_keeps_its_schedule(app: App, clock: ManualClock) -> None:
    """While it runs, by the app's clock; what fails to be written is written at the next look."""
    failures = [Unavailable("Gone.")]

    async def nothing(_: App, __: Any) -> None:
        await asyncio.sleep(0)

    async def done(count: int) -> bool:
        return await Job.filter(done_at__isnull=False).count() == count

    worker = Worker(app, {"test": nothing}, schedule=[EVERY_MINUTE])
    enqueue = worker._schedule.enqueue

    async def failing() -> None:
        if failures:
            raise failures.pop()
        await enqueue()

    worker._schedule.enqueue = failing  # type: ignore[method-assign]
    with capture_logs() as logs:
        running = asyncio.create_task(worker.run())
        await until(lambda: done(1))
        await clock.advance(timedelta(minutes=1))
        await jobs.wake(app)
        await until(lambda: done(2))
        worker.stop()
        await running
    assert [line["event"] for line in logs if line["log_level"] != "info"] == ["worker.look_failed"]


def test_every_recurring_kind_is_a_task() -> None:
    """A kind that nobody does would die again and again; two with one name would share their slots."""
    kinds = [each.kind for each in SCHEDULE]
    assert set(kinds) <= TASKS.keys()
    assert len(set(kinds)) == len(kinds)


async def prune(app: App, kind: str) -> None:
    """Let a worker do it."""
    await jobs.enqueue(app, kind, {}, dedup_key="prune")
    await Worker(app, {kind: TASKS[kind]}).drain()
    await Job.filter(dedup_key="prune").delete()


async def test_jobs_are_forgotten_a_week_after_they_were_done(app: App) -> None:
    """To the second. What is due stays, and what is dead for 90 days."""
    week, quarter = START - timedelta(days=7), START - timedelta(days=90)

    async def job(key: str, **state: Any) -> None:
        await Job.create(kind="x", payload={}, dedup_key=key, created_at=week - timedelta(days=999), **state)

    await job("old", done_at=week - timedelta(seconds=1))
    await job("recent", done_at=week)
    await job("due", due_at=START + timedelta(days=1))
    await job("dead", dead_at=quarter)
    await job("dead for long", dead_at=quarter - timedelta(seconds=1))
    await prune(app, pruning.JOBS)
    assert await slots() == ["recent", "due", "dead"]


async def test_what_has_gathered_goes_in_parts(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is a statement of its own, which can succeed however much there is."""
    monkeypatch.setattr(deleting, "PART", 2)
    old = START - timedelta(days=8)
    await Job.bulk_create(
        [Job(kind="x", payload={}, dedup_key=str(each), created_at=old, done_at=old) for each in range(5)]
    )
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        await pruning.prune_jobs(app, {})
    assert sum(record.getMessage().startswith('DELETE FROM "jobs"') for record in caplog.records) == 3
    assert await slots() == []


async def test_tokens_are_forgotten_a_week_after_they_were_good(app: App) -> None:
    """Spent or run out; what is good stays, however long."""
    week = START - timedelta(days=7)

    async def token(name: str, expires_at: datetime, used_at: datetime | None = None) -> None:
        await OneTimeToken.create(
            purpose=Purpose.MAGIC_LINK, key_hash=name, created_at=START, expires_at=expires_at, used_at=used_at
        )

    await token("expired", week - timedelta(seconds=1))
    await token("expired lately", week)
    await token("used", START + timedelta(days=1), week - timedelta(seconds=1))
    await token("used lately", START + timedelta(days=1), week)
    await token("good", START + timedelta(days=1))
    await prune(app, pruning.TOKENS)
    assert {row.key_hash for row in await OneTimeToken.all()} == {"expired lately", "used lately", "good"}


async def test_sessions_are_forgotten_ninety_days_after_their_end(app: App) -> None:
    """Ended by somebody, by their age or by idleness; the device that they were on stays."""
    user = await User.create(email="a", email_key="a", password_hash="x", role=Role.USER, created_at=START)
    device = await Device.create(user=user, key_hash="x", name="Firefox", first_seen_at=START, last_seen_at=START)
    bound, second = START - timedelta(days=90), timedelta(seconds=1)

    async def session(
        key: str, *, rotated_at: datetime = START, expires_at: datetime | None = None, **more: Any
    ) -> None:
        await Session.create(
            key=key,
            user=user,
            device=device,
            salt=b"x",
            counter=1,
            created_at=START,
            rotated_at=rotated_at,
            expires_at=expires_at or START + timedelta(days=1),
            **more,
        )

    await session("revoked", revoked_at=bound - second)
    await session("revoked lately", revoked_at=bound)
    await session("expired", expires_at=bound - second)
    await session("expired lately", expires_at=bound)
    await session("idle", rotated_at=bound - timedelta(days=14) - second)
    await session("idle lately", rotated_at=bound - timedelta(days=14))
    await session("live")
    await prune(app, pruning.SESSIONS)
    left = {row.key for row in await Session.all()}
    assert left == {"revoked lately", "expired lately", "idle lately", "live"}
    assert await Device.exists(id=device.id)
