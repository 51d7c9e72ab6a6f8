"""Recurring work among many workers: one run a slot, no two at once, and what is seen of it."""

import asyncio
import math
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from core.errors import Unavailable
from core.settings import Settings
from models import Job, Role, ScheduleRun
from services import jobs, schedule
from services.app import App, open_app
from services.jobs import Outcome
from services.schedule import SUPERSEDED
from tests.clock import START, ManualClock
from tests.porchlight import Porchlight
from tests.staff import staff
from worker import runs
from worker.loop import Worker
from worker.schedule import Recurring

ROOT = Path(__file__).parents[1]
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
EVERY_MINUTE = Recurring("test", MINUTE)
JOBS = """
{
  scheduledJobs {
    kind every running lastStartedAt lastEndedAt lastSucceededAt lastOutcome lastError nextAt missed
  }
}
"""


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, whose database the test uses. Nothing has ever been scheduled."""
    async with open_app(settings, clock=clock) as app:
        with app.database.bound():
            await ScheduleRun.all().delete()
            yield app


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- jobs are done when the tests say so
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers leave the jobs alone."""
    monkeypatch.setattr("server.working", lambda _: nullcontext())


class Work:
    """A task that does as it is told, and how often it was called."""

    def __init__(self) -> None:
        self.calls = 0
        self.fault: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def __call__(self, _: App, __: Any) -> None:
        self.calls += 1
        self.begun.set()
        if self.gate:
            await self.gate.wait()
        if self.fault:
            raise self.fault


def worker_of(app: App, work: Work, *recurring: Recurring) -> Worker:
    return Worker(app, {"test": work}, schedule=recurring or [EVERY_MINUTE])


async def look(worker: Worker) -> None:
    """What a worker does each second: begin what has come due, and bring it to its end."""
    await worker._schedule.enqueue()
    with capture_logs():
        await worker.drain()


async def row() -> tuple[datetime, datetime | None, str | None, str | None, int]:
    """The slot, the one that ended, outcome, error, and how many were missed."""
    found = await ScheduleRun.get()
    return found.slot_at, found.ended_slot_at, found.outcome, found.error, found.missed


async def test_a_run_is_seen_with_its_result(app: App, clock: ManualClock) -> None:
    """Waiting, done, failed, tried again and done, given up; and what nobody was there for is counted once."""
    work = Work()
    worker = worker_of(app, work)
    await worker._schedule.enqueue()
    assert await row() == (START, None, None, None, 0)
    await look(worker)
    assert await row() == (START, START, "done", None, 0)
    work.fault = Unavailable("ada@example.com cannot be reached")
    await clock.advance(MINUTE)
    await look(worker)
    assert await row() == (START + MINUTE, START, "retried", "Unavailable", 0)
    work.fault = None
    await clock.advance(jobs.FIRST_BACKOFF)
    await look(worker)
    assert await row() == (START + MINUTE, START + MINUTE, "done", None, 0)
    await clock.advance(timedelta(days=14))
    await look(worker)
    later = START + timedelta(days=14, minutes=1)
    assert await row() == (later, later, "done", None, 20159)
    assert work.calls == 4
    work.fault = jobs_fault = PermissionError("never")
    await clock.advance(MINUTE)
    for _ in range(jobs.MAX_ATTEMPTS):
        await Job.filter(due_at__isnull=False).update(due_at=clock.now())
        with capture_logs():
            await worker._schedule.enqueue()
            await worker.drain()
    assert (await row())[2:] == ("dead", type(jobs_fault).__name__, 20159)
    assert (await ScheduleRun.get()).succeeded_at == START + timedelta(days=14, minutes=1, seconds=5)


async def test_a_retry_gives_way_to_the_next_slot(app: App, clock: ManualClock) -> None:
    """What rests for minutes after its failures does not hold the next minute up, and is not done beside it."""
    work = Work()
    work.fault = Unavailable(retry_after=1.0)
    worker = worker_of(app, work)
    await look(worker)
    work.fault = None
    await Job.all().update(due_at=START + timedelta(hours=8))
    await clock.advance(MINUTE)
    await look(worker)
    assert [(job.last_error, job.done_at is not None) for job in await Job.all().order_by("id")] == [
        (SUPERSEDED, True),
        (None, True),
    ]
    assert (work.calls, (await row())[2]) == (2, "done")


async def test_no_run_overlaps_with_another(app: App, clock: ManualClock) -> None:
    """One that takes longer than its slot is waited for; then the present slot runs, and one was missed."""
    work = Work()
    work.gate = asyncio.Event()
    first, second = worker_of(app, work), worker_of(app, work)
    await first._schedule.enqueue()
    running = asyncio.create_task(first.drain())
    await work.begun.wait()
    await clock.advance(2 * MINUTE)
    await Job.all().update(due_at=clock.now() + MINUTE)  # its lease is held on to
    for _ in range(3):
        await look(second)
    assert work.calls == 1
    work.gate.set()
    await running
    await look(second)
    assert (work.calls, await row()) == (2, (START + 2 * MINUTE, START + 2 * MINUTE, "done", None, 1))


async def test_what_ends_late_tells_nothing(app: App, clock: ManualClock) -> None:
    """Not after a later slot has ended, and not by a key of an earlier version, which bears a number."""
    await look(worker_of(app, Work()))
    seen = await row()
    for second in (START - MINUTE, datetime.fromtimestamp(29_540_640, UTC)):
        late = Job(kind="test", dedup_key=schedule.key_of("test", second))
        await schedule.ended(app, late, clock.now(), Outcome.DEAD, ValueError("late"))
    assert await row() == seen


async def test_slots_may_change_their_length(app: App, clock: ManualClock) -> None:
    """As in a rolling deployment, both ways: nobody waits for decades because numbers of slots are smaller now."""
    work = Work()
    old, new = worker_of(app, work), worker_of(app, work, Recurring("test", timedelta(hours=1)))
    await look(old)
    await look(new)
    assert work.calls == 1
    await clock.advance(timedelta(hours=1))
    await look(new)
    await look(old)
    assert (work.calls, (await ScheduleRun.get()).every) == (2, 3600)
    await clock.advance(MINUTE)
    await look(old)
    await look(new)
    assert (work.calls, (await ScheduleRun.get()).every) == (3, 60)


async def test_what_a_slot_costs(porchlight: Porchlight) -> None:
    """Who takes it runs four statements, or five after a job that is done; who comes later one; between slots none."""
    app = porchlight.app
    with app.database.bound():
        first, second = Worker(app, {}, schedule=[EVERY_MINUTE]), Worker(app, {}, schedule=[EVERY_MINUTE])
        await first._schedule.enqueue()
        await porchlight.clock.jump(START + MINUTE)
        counts = []
        for worker in (first, second, first):
            with porchlight.counting_queries() as statements, bound_contextvars(request_id="1"):
                await worker._schedule.enqueue()
            counts.append(len([each for each in statements if each.split()[0] in {"SELECT", "INSERT", "UPDATE"}]))
    assert counts == [4, 1, 0]


async def test_kill_9_hands_a_run_over(app: App, clock: ManualClock, settings: Settings) -> None:
    """Three processes at one slot: one runs it and is killed; once its lease has passed another does, and ends it."""
    urls = (settings.database_url, settings.redis_url, settings.mail_url)
    children = [
        await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.test_schedule_runs", *urls, cwd=ROOT)
        for _ in range(3)
    ]
    ends = [await child.wait() for child in children]
    assert sorted(ends) == [-signal.SIGKILL, 0, 0]
    assert (await Job.all().count(), await row()) == (1, (START, None, None, None, 0))
    work = Work()
    await clock.advance(jobs.LEASE - SECOND)
    await look(worker_of(app, work))
    assert work.calls == 0
    await clock.advance(SECOND)
    await look(worker_of(app, work))  # the run goes before the slot that has begun meanwhile
    await look(worker_of(app, work))
    assert (work.calls, await row()) == (2, (START + MINUTE, START + MINUTE, "done", None, 0))


async def test_only_administrators_see_it(porchlight: Porchlight) -> None:
    """By the API, as figures for alerts, and by a command; kinds that nobody schedules any more go after a month."""
    admin = await staff(porchlight, Role.ADMIN)
    for role in (Role.SUPPORT, Role.ANALYST):
        assert await porchlight.codes(JOBS, token=(await staff(porchlight, role)).access_token) == ["FORBIDDEN"]
    assert await porchlight.codes(JOBS) == ["UNAUTHENTICATED"]
    app = porchlight.app
    with app.database.bound():
        await ScheduleRun.all().delete()
        await look(worker_of(app, Work()))
        await ScheduleRun.create(kind="gone", every=60, slot_at=START - schedule.FORGOTTEN, missed=0)
    with porchlight.counting_queries() as statements:
        [told] = (await porchlight.ask(JOBS, token=admin.access_token))["scheduledJobs"]
    assert len(statements) == 5  # four of the guard
    assert told == {
        "kind": "test", "every": 60, "running": False, "lastStartedAt": START.isoformat(),
        "lastEndedAt": START.isoformat(), "lastSucceededAt": START.isoformat(), "lastOutcome": "DONE",
        "lastError": None, "nextAt": (START + MINUTE).isoformat(), "missed": 0,
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=porchlight.url) as client:
        exposed = (await client.get("/metrics")).text
        assert 'porchlight_schedule_last_success_age_seconds{kind="test"} 0.0' in exposed
        with app.database.bound():
            await ScheduleRun.all().update(succeeded_at=None)
        app.stored.told_at = -math.inf
        exposed = (await client.get("/metrics")).text
        assert 'porchlight_schedule_last_success_age_seconds{kind="test"} +Inf' in exposed
        with app.database.bound():
            await ScheduleRun.all().update(succeeded_at=START)
    with app.database.bound():
        lines = await runs.report(app)
    assert [line.split() for line in lines[1:]] == [["test", "60", "s", "2026-03-02", "09:00:00", "done", "0"]]


if __name__ == "__main__":

    async def die(_: App, __: Any) -> None:
        """What `kill -9` does."""
        os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(1)

    async def main(*urls: str) -> None:
        """Look at the schedule, and work."""
        from tests.porchlight import settings_for

        async with open_app(settings_for(*urls), clock=ManualClock()) as app:
            worker = Worker(app, {"test": die}, schedule=[EVERY_MINUTE])
            with app.database.bound():
                await worker._schedule.enqueue()
                await worker.drain()

    asyncio.run(main(*sys.argv[1:]))
