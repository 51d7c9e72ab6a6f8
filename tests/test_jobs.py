import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.mail import MailRejected
from adapters.openai import NotAsked
from core.errors import NotFound, Unavailable
from core.settings import Settings
from models import Job
from services import jobs
from services.app import App, open_app
from services.jobs import LEASE, MAX_ATTEMPTS, Outcome
from tests.clock import START, ManualClock
from tests.services.valkey import until
from worker import loop
from worker.loop import Worker
from worker.tasks import TASKS

SECOND = timedelta(seconds=1)


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, whose database the test uses."""
    async with open_app(settings, clock=clock) as app:
        yield app


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- each test reads rows
def bound(app: App) -> Any:
    with app.database.bound():
        yield


async def enqueued(app: App, *keys: str, kind: str = "test", payload: Any = None) -> list[Job]:
    """One job for each key."""
    for key in keys:
        await jobs.enqueue(app, kind, payload or {}, dedup_key=key)
    return [await Job.get(dedup_key=key) for key in keys]


def counted(app: App, outcome: Outcome, kind: str = "test") -> float:
    """How many attempts ended so."""
    return app.metrics.registry.get_sample_value("porchlight_jobs_total", {"kind": kind, "outcome": outcome}) or 0.0


def raising(error: Exception) -> Callable[[App, Any], Any]:
    """A task that fails."""

    async def task(_: App, __: Any) -> None:
        await asyncio.sleep(0)
        raise error

    return task


async def done(_: App, __: Any) -> None:
    """A task that succeeds."""


async def stored(job: Job) -> dict[str, Any]:
    """The row as it is now, without what never changes."""
    row = await Job.get(id=job.id)
    return {name: getattr(row, name) for name in ("due_at", "lease", "attempts", "done_at", "dead_at", "last_error")}


async def test_same_key_is_enqueued_once(app: App) -> None:
    """A second job with the key of a first changes nothing, even when the first one is done."""
    [job] = await enqueued(app, "a", payload={"n": 1})
    await enqueued(app, "a", payload={"n": 2})
    assert [(row.payload, row.due_at) for row in await Job.all()] == [({"n": 1}, START)]
    assert await Worker(app, {"test": done}).drain() == 1
    await enqueued(app, "a")
    assert await Worker(app, {"test": done}).drain() == 0
    assert (await Job.get(id=job.id)).done_at == START


async def test_job_is_rolled_back_with_its_cause(app: App) -> None:
    """What did not happen has no consequences; what did has them."""

    async def refused() -> None:
        async with app.database.transaction():
            await jobs.enqueue(app, "test", {}, dedup_key="a")
            raise NotFound

    with pytest.raises(NotFound):
        await refused()
    assert await Job.all().count() == 0
    async with app.database.transaction():
        await jobs.enqueue(app, "test", {}, dedup_key="a")
    assert await Job.all().count() == 1


NESTED_LOOP = ["hashjoin", "mergejoin", "hashagg", "material", "sort"]
"""What PostgreSQL's planner may do instead of looking at each row of one table for each of another."""


async def test_no_plan_takes_more_jobs_than_were_asked_for(app: App) -> None:
    """However the database goes about it: the rows to take are chosen once, and not for each row that is looked at."""
    await enqueued(app, *"abcdefgh")
    async with app.database.transaction():
        if app.database.dialect == "postgres":
            for way in NESTED_LOOP:
                await app.database.execute(f"SET LOCAL enable_{way} = off")
        assert len(await jobs.claim(app, 3)) == 3
    assert len(await jobs.claim(app, 9)) == 5


async def test_longest_waiting_are_taken_first_and_none_before_it_is_due(app: App, clock: ManualClock) -> None:
    """At most as many as asked for; a job for later stays where it is."""
    for key, minutes in (("c", -1), ("a", -3), ("b", -2), ("later", 1)):
        await jobs.enqueue(app, "test", {}, dedup_key=key, due_at=START + timedelta(minutes=minutes))
    assert await jobs.oldest_due(app) == 180
    assert {job.dedup_key for job in await jobs.claim(app, 2)} == {"a", "b"}
    assert [job.dedup_key for job in await jobs.claim(app, 2)] == ["c"]
    assert await jobs.claim(app, 2) == []
    assert await jobs.oldest_due(app) == 0
    await clock.advance(timedelta(minutes=1))
    assert "later" in [job.dedup_key for job in await jobs.claim(app, 9)]


async def test_no_job_is_given_to_two_workers(app: App, settings: Settings, clock: ManualClock) -> None:
    """Eight workers, each with a connection of its own, take 200 jobs at once: each job is taken once, no one fails."""
    now = app.clock.now()
    rows = [Job(kind="test", payload={}, dedup_key=str(n), due_at=now, created_at=now, attempts=0) for n in range(200)]
    await Job.bulk_create(rows)
    taken: Counter[int] = Counter()

    async def take(other: App) -> None:
        with other.database.bound():
            while claimed := await jobs.claim(other, 7):
                taken.update(job.id for job in claimed)
                await asyncio.gather(*(jobs.finish(other, job) for job in claimed))

    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(open_app(settings, clock=clock)) for _ in range(8)]
        await asyncio.gather(*(take(other) for other in others))
    assert len(taken) == 200
    assert set(taken.values()) == {1}
    assert await Job.filter(done_at=now, attempts=1, due_at=None, lease=None).count() == 200


async def test_worker_takes_what_another_leaves(app: App, settings: Settings, clock: ManualClock) -> None:
    """While one takes the three oldest jobs, another one gets the next three, and does not go away empty-handed."""
    await enqueued(app, *"abcdef")
    async with open_app(settings, clock=clock) as other:

        async def take() -> list[Job]:
            with other.database.bound():
                return await jobs.claim(other, 3)

        async with app.database.transaction():
            first = await jobs.claim(app, 3)
            taking = asyncio.create_task(take())
            await asyncio.wait([taking], timeout=0.1)
        second = await taking
    assert [job.dedup_key for job in [*first, *second]] == list("abcdef")


async def test_lease_that_has_passed_hands_the_job_over(app: App, clock: ManualClock) -> None:
    """A worker that died keeps a job for a minute; when it comes back after all, its word counts no more."""
    await enqueued(app, "a")
    [late] = await jobs.claim(app, 1)
    await clock.advance(LEASE - SECOND)
    assert await jobs.claim(app, 1) == []
    await clock.advance(SECOND)
    [present] = await jobs.claim(app, 1)
    assert (present.id, present.attempts) == (late.id, 2)
    before = await stored(present)
    assert await jobs.finish(app, late) is Outcome.LOST
    assert await jobs.fail(app, late, "late", retry=True) is Outcome.LOST
    assert await jobs.fail(app, late, "late", retry=False) is Outcome.LOST
    assert await stored(present) == before
    assert await jobs.finish(app, present) is Outcome.DONE
    assert (await stored(present))["done_at"] == clock.now()


async def test_late_worker_may_finish_what_nobody_took_over(app: App, clock: ManualClock) -> None:
    """The work is done, so it is not done again."""
    await enqueued(app, "a")
    [job] = await jobs.claim(app, 1)
    await clock.advance(2 * LEASE)
    assert await jobs.finish(app, job) is Outcome.DONE
    assert await jobs.claim(app, 1) == []


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 5), (2, 10), (3, 20), (9, 1280), (13, 20_480), (14, 28_800), (10_000, 28_800)]
)
def test_backoff_doubles_up_to_eight_hours(attempts: int, seconds: int) -> None:
    """From five seconds on."""
    assert jobs.backoff(attempts) == timedelta(seconds=seconds)


async def test_job_that_keeps_failing_rests_longer_each_time_and_dies(app: App, clock: ManualClock) -> None:
    """Sixteen in 27 hours, each at its moment and not a second before; then it stays as a dead letter."""
    [job] = await enqueued(app, "a")
    worker = Worker(app, {"test": raising(Unavailable("The mail is down."))})
    for attempt in range(1, MAX_ATTEMPTS):
        assert await worker.drain() == 1
        assert await stored(job) == {
            "due_at": clock.now() + jobs.backoff(attempt),
            "lease": None,
            "attempts": attempt,
            "done_at": None,
            "dead_at": None,
            "last_error": "Unavailable: The mail is down.",
        }
        await clock.advance(jobs.backoff(attempt) - SECOND)
        assert await worker.drain() == 0
        await clock.advance(SECOND)
    assert await worker.drain() == 1
    row = await stored(job)
    assert (row["due_at"], row["lease"], row["attempts"], row["dead_at"]) == (None, None, 16, clock.now())
    assert clock.now() - START == timedelta(seconds=5 * (2**13 - 1), hours=2 * 8)
    assert (counted(app, Outcome.RETRIED), counted(app, Outcome.DEAD)) == (15, 1)
    await clock.advance(timedelta(days=30))
    assert await worker.drain() == 0


async def test_what_nobody_foresaw_dies_sooner(app: App, clock: ManualClock) -> None:
    """After ten attempts in 42 minutes: that somebody is away may pass, a fault of ours does not."""
    [job] = await enqueued(app, "a")
    with capture_logs():
        for attempt in range(1, jobs.UNFORESEEN_ATTEMPTS + 1):
            assert (await stored(job))["dead_at"] is None
            assert await Worker(app, {"test": raising(RuntimeError("a fault"))}).drain() == 1
            await clock.advance(jobs.backoff(attempt))
    assert ((await stored(job))["dead_at"], clock.now() - START) == (clock.now() - jobs.backoff(10), 1023 * 5 * SECOND)


@pytest.mark.parametrize("waited", [Unavailable("The mail is down."), NotAsked(), TimeoutError()])
async def test_who_had_to_wait_is_forgiven_one_fault(app: App, clock: ManualClock, waited: Exception) -> None:
    """What goes wrong when somebody is there again after hours does not undo the waiting; twice in a row it does."""
    [job] = await enqueued(app, "a")
    with capture_logs():
        for attempt in range(1, jobs.UNFORESEEN_ATTEMPTS + 3):
            is_waiting = attempt <= jobs.UNFORESEEN_ATTEMPTS
            assert (await stored(job))["dead_at"] is None
            await Worker(app, {"test": raising(waited if is_waiting else RuntimeError("a fault"))}).drain()
            await clock.advance(jobs.backoff(attempt))
    row = await stored(job)
    assert (row["attempts"], row["dead_at"] is not None) == (jobs.UNFORESEEN_ATTEMPTS + 2, True)


@pytest.mark.parametrize("error", [NotFound(), MailRejected(550, "No such user")])
async def test_hopeless_job_dies_at_once(app: App, error: Exception) -> None:
    """What was refused for good is not asked for again."""
    [job] = await enqueued(app, "a")
    with capture_logs() as logs:
        assert await Worker(app, {"test": raising(error)}).drain() == 1
    row = await stored(job)
    assert (row["due_at"], row["attempts"], row["dead_at"]) == (None, 1, START)
    assert row["last_error"] == f"{type(error).__name__}: {error}"
    assert [(log["event"], log["log_level"], log["outcome"]) for log in logs] == [("job.failed", "error", "dead")]
    assert counted(app, Outcome.DEAD) == 1


async def test_bug_in_a_job_is_logged_with_its_trace_and_tried_again(app: App) -> None:
    """Nobody foresaw it, so the next version may do it right."""
    [job] = await enqueued(app, "a")
    error = ZeroDivisionError("division by zero")
    with capture_logs() as logs:
        await Worker(app, {"test": raising(error)}).drain()
    assert [(log["event"], log["log_level"], log["exc_info"]) for log in logs] == [("job.failed", "error", error)]
    assert (await stored(job))["due_at"] == START + timedelta(seconds=5)


async def test_unknown_kind_waits_for_a_worker_that_knows_it(app: App, clock: ManualClock) -> None:
    """While a new version is rolled out, an old worker puts its jobs back; the kind is no metric's label."""
    [job] = await enqueued(app, "a", kind="mail.unheard_of")
    with capture_logs() as logs:
        await Worker(app, {"test": done}).drain()
    assert [(log["event"], log["log_level"]) for log in logs] == [("job.failed", "warning")]
    assert (await stored(job))["last_error"] == "UnknownKindError: mail.unheard_of"
    assert counted(app, Outcome.RETRIED, kind="unknown") == 1
    assert counted(app, Outcome.RETRIED, kind="mail.unheard_of") == 0
    await clock.advance(timedelta(seconds=5))
    await Worker(app, {"mail.unheard_of": done}).drain()
    assert (await stored(job))["done_at"] == clock.now()


async def test_job_that_takes_too_long_is_stopped_and_tried_again(app: App) -> None:
    """Before its lease ends, so that it never runs twice at the same moment."""
    stopped = asyncio.Event()

    async def endless(_: App, __: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    assert timedelta(seconds=loop.DEADLINE) < LEASE
    [job] = await enqueued(app, "a")
    await Worker(app, {"test": endless}, deadline=0.01).drain()
    assert stopped.is_set()
    row = await stored(job)
    assert (row["due_at"], row["last_error"]) == (START + timedelta(seconds=5), "TimeoutError: more than 0.01 s")


async def test_stalled_worker_does_not_begin_what_it_has_lost(
    app: App, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stood still since it took a job leaves it to others, or has as much less time for it."""
    [job] = await enqueued(app, "a")
    claim, stalled, begun = jobs.claim, LEASE - timedelta(milliseconds=10), list[str]()

    async def claimed(app: App, limit: int) -> list[Job]:
        taken = await claim(app, limit)
        await clock.advance(stalled if taken else timedelta(0))
        return taken

    async def endless(_: App, __: Any) -> None:
        begun.append("here")
        await asyncio.Event().wait()

    monkeypatch.setattr(jobs, "claim", claimed)
    async with asyncio.timeout(5):
        await Worker(app, {"test": endless})._fill()
        await until(lambda: counted(app, Outcome.RETRIED) == 1)
    assert begun == ["here"]
    await clock.advance(timedelta(minutes=1))
    stalled = LEASE
    [late] = await claimed(app, 1)
    assert (await Worker(app, {"test": endless})._attempt(late), begun) == (Outcome.LOST, ["here"])
    assert [each.id for each in await claim(app, 1)] == [job.id]


@pytest.mark.parametrize("payload", [[], 7, {}, {"user_id": "x"}, {"user_id": {}}])
async def test_malformed_payload_harms_no_neighbour(app: App, payload: Any) -> None:
    """It is put back with the reason, and the jobs of its batch are done."""
    now = app.clock.now()
    broken = await Job.create(kind="mail.send", payload=payload, dedup_key="a", due_at=now, created_at=now)
    good = await enqueued(app, "b", "c")
    assert await Worker(app, {**TASKS, "test": done}).drain() == 3
    assert [(await stored(job))["done_at"] for job in good] == [START, START]
    row = await stored(broken)
    assert (row["due_at"], row["done_at"]) == (START + timedelta(seconds=5), None)
    assert row["last_error"]


async def test_job_whose_workers_die_is_not_tried_for_ever(app: App, clock: ManualClock) -> None:
    """Sixteen workers that ended in the middle of it are enough: the next one lays it to rest unread."""
    [job] = await enqueued(app, "a")
    for _ in range(MAX_ATTEMPTS):
        assert len(await jobs.claim(app, 1)) == 1
        await clock.advance(LEASE)
    assert await Worker(app, {"test": raising(AssertionError("It ran."))}).drain() == 1
    row = await stored(job)
    assert (row["dead_at"], row["last_error"]) == (clock.now(), "PorchlightError: Each attempt ended with its worker.")


@pytest.mark.parametrize(("reason", "kept"), [("a\0b", "ab"), ("\ud800", "?"), ("x" * 5000, "x" * 1000)])
async def test_any_reason_can_be_kept(app: App, reason: str, kept: str) -> None:
    """Whatever an exception says."""
    await enqueued(app, "a")
    [job] = await jobs.claim(app, 1)
    assert await jobs.fail(app, job, reason, retry=True) is Outcome.RETRIED
    assert (await stored(job))["last_error"] == kept


async def test_stop_lets_the_present_jobs_end_and_takes_no_more(app: App) -> None:
    """What has begun is brought to its end; what has not, waits for the next worker."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: App, __: Any) -> None:
        begun.set()
        await go_on.wait()

    [first] = await enqueued(app, "a")
    worker = Worker(app, {"test": slow})
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(20):
        await begun.wait()
        [second] = await enqueued(app, "b")
        worker.stop()
        await jobs.wake(app)
        assert not running.done()
        go_on.set()
        await running
    assert (await stored(first))["done_at"] == START
    assert (await stored(second))["attempts"] == 0


async def test_letter_does_not_wait_for_a_long_job(app: App) -> None:
    """What comes while others run is begun at once, as long as there is room; one more waits for a place."""
    go_on = asyncio.Event()

    async def task(_: App, payload: Any) -> None:
        if not payload["quick"]:
            await go_on.wait()

    for number in range(loop.SLOTS - 1):
        await jobs.enqueue(app, "test", {"quick": False}, dedup_key=f"slow {number}")
    worker = Worker(app, {"test": task})
    running = asyncio.create_task(worker.run())
    await until(lambda: len(worker._running) == loop.SLOTS - 1)
    for number in range(2):
        await jobs.enqueue(app, "test", {"quick": True}, dedup_key=f"quick {number}")
    await jobs.wake(app)
    await until(lambda: _done(2))
    assert len(worker._running) == loop.SLOTS - 1
    go_on.set()
    worker.stop()
    await running
    assert await Job.filter(done_at=None).count() == 0


async def _done(number: int) -> bool:
    return await Job.filter(done_at=START).count() == number


async def test_worker_that_rests_stops_at_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not sleep its second to the end."""
    monkeypatch.setattr(loop, "LOOK_EVERY", 60.0)
    worker = Worker(app, TASKS)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    worker.stop()
    await asyncio.wait_for(running, 20)


async def test_resting_worker_is_woken(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the bus, long before it would look by itself."""
    monkeypatch.setattr(loop, "LOOK_EVERY", 60.0)
    worker = Worker(app, {"test": done})
    running = asyncio.create_task(worker.run())
    [job] = await enqueued(app, "a")
    await jobs.wake(app)
    await until(lambda: Job.filter(id=job.id, done_at=START).exists())
    worker.stop()
    await running


@pytest.mark.parametrize(
    ("error", "level"), [(Unavailable("Gone."), "warning"), (ZeroDivisionError("division by zero"), "error")]
)
async def test_worker_outlives_a_round_that_fails(
    app: App, monkeypatch: pytest.MonkeyPatch, error: Exception, level: str
) -> None:
    """The database is away, or a bug: the next look finds the jobs. Only the bug is logged with a trace."""
    [job] = await enqueued(app, "a")
    claim, failures = jobs.claim, [error]

    async def failing(app: App, limit: int) -> list[Job]:
        if failures:
            raise failures.pop()
        return await claim(app, limit)

    monkeypatch.setattr(jobs, "claim", failing)
    monkeypatch.setattr(loop, "LOOK_EVERY", 0.01)
    worker = Worker(app, {"test": done})
    with capture_logs() as logs:
        running = asyncio.create_task(worker.run())
        await until(lambda: Job.filter(id=job.id, done_at=START).exists())
        worker.stop()
        await running
    assert [(log["log_level"], "exc_info" in log) for log in logs if log["event"] == "worker.look_failed"] == [
        (level, level == "error")
    ]


async def test_outcome_that_cannot_be_written_is_left_to_the_lease(
    app: App, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away while two jobs run: one is written down, the other is done once more."""
    first, second = await enqueued(app, "a", "b")
    finish = jobs.finish

    async def failing(app: App, job: Job) -> Outcome:
        if job.id == first.id:
            raise Unavailable
        return await finish(app, job)

    worker = Worker(app, {"test": done})
    monkeypatch.setattr(jobs, "finish", failing)
    with capture_logs() as logs:
        assert await worker.drain() == 2
    assert [log["event"] for log in logs] == ["job.outcome_unknown", "job.ended"]
    assert (await stored(second))["done_at"] == START
    monkeypatch.setattr(jobs, "finish", finish)
    assert await worker.drain() == 0
    await clock.advance(LEASE)
    assert await worker.drain() == 1
    assert (await stored(first))["attempts"] == 2


async def test_clock_that_is_set_back_loses_no_job(app: App, clock: ManualClock) -> None:
    """What was written before waits until its time comes again; what is written now is done now."""
    worker = Worker(app, {"test": done})
    [early] = await enqueued(app, "a")
    await clock.jump(START - timedelta(hours=1))
    assert await worker.drain() == 0
    [present] = await enqueued(app, "b")
    assert await worker.drain() == 1
    assert (await stored(present))["done_at"] == START - timedelta(hours=1)
    await clock.advance(timedelta(hours=1))
    assert await worker.drain() == 1
    assert (await stored(early))["done_at"] == START
