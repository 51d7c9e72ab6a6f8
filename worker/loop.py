"""The claim loop: takes due jobs, runs each under a deadline, and puts what failed back with backoff."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

import structlog

from adapters.database import unavailable
from core.errors import PorchlightError, Unavailable
from models.jobs import Job
from services import jobs, schedule
from services.app import App
from services.jobs import Outcome
from worker.schedule import Recurring, Schedule

Task = Callable[[App, Any], Awaitable[None]]


@runtime_checkable
class Careful(Protocol):
    """A task that is told when one of its jobs is given up."""

    async def __call__(self, app: App, payload: Any, /) -> None:
        """Do the job."""
        ...

    async def given_up(self, app: App, payload: Any, /) -> None:
        """Write down what follows from that."""
        ...


UNKNOWN = "unknown"
"""What metrics and traces call the kinds of jobs that no task does."""
SLOTS = 10
"""Jobs that one worker does at a time."""
LOOK_EVERY = 1.0
"""Seconds between looks at the table when nobody wakes the worker."""
PART = 0.8
"""Of what is left of a lease, that a job may take: it must end before its lease does."""
DEADLINE = jobs.LEASE.total_seconds() * PART
"""Seconds that a job may take at most."""

log = structlog.get_logger(__name__)


class UnknownKindError(Exception):
    """No task does this kind of job. A newer worker may, so it is tried again and dies in the end, visibly."""


def _most_attempts(job: Job, error: Exception) -> int:
    """How often a job that has failed so is tried. Who had to wait before is forgiven one fault that nobody foresaw."""
    passing: tuple[type[Exception], ...] = (Unavailable, *Unavailable.__subclasses__(), UnknownKindError, TimeoutError)
    has_waited = (job.last_error or "").startswith(tuple(f"{kind.__name__}:" for kind in passing))
    return jobs.MAX_ATTEMPTS if isinstance(error, passing) or has_waited else jobs.UNFORESEEN_ATTEMPTS


class Worker:
    """Runs jobs until it is told to stop, those of its schedule too. A job may take `deadline` seconds."""

    def __init__(
        self,
        app: App,
        tasks: Mapping[str, Task],
        *,
        schedule: Sequence[Recurring] = (),
        deadline: float = DEADLINE,
    ) -> None:
        self._app = app
        self._tasks = tasks
        self._schedule = Schedule(app, schedule)
        self._deadline = deadline
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()
        for kind in (*tasks, UNKNOWN):
            # A counter that begins with its first dead letter would hide it from who looks for a rise.
            app.metrics.jobs.labels(kind, Outcome.DEAD)

    async def run(self) -> None:
        """Work until `stop`; what has begun is brought to its end."""
        unsubscribe = self._app.bus.subscribe(jobs.CHANNEL, self._woken, resync=self._wake.set)
        try:
            with self._app.database.bound():
                while not self._stopping:
                    if not await self._fill():
                        await self._rest()
                await asyncio.gather(*self._running)
        finally:
            unsubscribe()

    def stop(self) -> None:
        """Take no more jobs; `run` returns when the present ones have ended."""
        self._stopping = True
        self._wake.set()

    async def drain(self) -> int:
        """Run everything that is due now, and what comes of it; how many jobs that was."""
        count = 0
        while claimed := await jobs.claim(self._app, SLOTS):
            await asyncio.gather(*map(self._perform, claimed))
            count += len(claimed)
        return count

    async def _fill(self) -> bool:
        """Begin as many due jobs as there is room for: none waits for another's end. Whether more may be due."""
        room = SLOTS - len(self._running)
        if room < 1:
            return False
        try:
            await self._schedule.enqueue()
            claimed = await jobs.claim(self._app, room)
        except Exception as error:  # ruff: ignore[blind-except] -- the worker outlives whatever ends a look
            self._report("worker.look_failed", error)
            return False
        for job in claimed:
            task = asyncio.create_task(self._perform(job))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return len(claimed) == room

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._wake.set()

    async def _perform(self, job: Job) -> None:
        """Run one job and write down how it went, in a trace of its own where there is any."""
        cause = job.payload.pop(jobs.CAUSE, None) if isinstance(job.payload, dict) else None
        with structlog.contextvars.bound_contextvars(job=job.kind, job_id=job.id):
            if (tracing := self._app.ports.tracing) is None:
                await self._performed(job)
                return
            kind = self._known(job)
            with tracing.job(f"job {kind}", cause, porchlight__job__attempt=job.attempts) as span:
                structlog.contextvars.bind_contextvars(trace_id=span.trace_id)
                outcome = await self._performed(job)
                span.set(porchlight__job__outcome=str(outcome))
                if outcome is not Outcome.DONE:
                    span.fail(str(outcome))

    async def _performed(self, job: Job) -> Outcome | None:
        """How it went, if that could be written down: when even that fails, the lease hands the job over."""
        begun = time.perf_counter()
        try:
            outcome = await self._attempt(job)
        except Exception as error:  # ruff: ignore[blind-except] -- one job's fault is not that of its neighbours
            self._report("job.outcome_unknown", error)
            return None
        kind = self._known(job)
        self._app.metrics.jobs.labels(kind, outcome).inc()
        if outcome is not Outcome.LOST:
            self._app.metrics.job_seconds.labels(kind).observe(time.perf_counter() - begun)
        return outcome

    def _known(self, job: Job) -> str:
        """The kind of a job, of a closed set."""
        return job.kind if job.kind in self._tasks else UNKNOWN

    async def _attempt(self, job: Job) -> Outcome:
        started_at, fault = self._app.clock.now(), None
        left = (job.due_at - started_at).total_seconds() if job.due_at else 0.0
        if left <= 0:  # this process, or the database, stood still since the job was taken: another worker may be at it
            return Outcome.LOST
        bound = min(self._deadline, left * PART)
        try:
            async with asyncio.timeout(bound):
                await self._task(job)(self._app, job.payload)
        except Exception as error:  # ruff: ignore[blind-except] -- a job may fail in any way
            fault, outcome = error, await self._failed(job, error, bound)
        else:
            outcome = await jobs.finish(self._app, job)
            log.info("job.ended", outcome=outcome, attempts=job.attempts)
        if job.kind in self._schedule.kinds:
            await schedule.ended(self._app, job, started_at, outcome, fault)
        return outcome

    def _task(self, job: Job) -> Task:
        if job.attempts > jobs.MAX_ATTEMPTS:
            raise PorchlightError("Each attempt ended with its worker.")
        if job.kind not in self._tasks:
            raise UnknownKindError(job.kind)
        return self._tasks[job.kind]

    async def _failed(self, job: Job, error: Exception, bound: float) -> Outcome:
        """Try again what may succeed later, and what nobody foresaw; give up what never will."""
        hopeless = isinstance(error, PorchlightError) and not isinstance(error, Unavailable)
        expected = isinstance(error, Unavailable | UnknownKindError)
        retry = not hopeless and job.attempts < _most_attempts(job, error)
        reason = f"{type(error).__name__}: {str(error) or f'more than {bound:.3g} s'}"
        task = self._tasks.get(job.kind)
        if isinstance(task, Careful) and not retry:
            await task.given_up(self._app, job.payload)  # before the job rests: who dies in between is asked again
        outcome = await jobs.fail(self._app, job, reason, retry=retry)
        level = logging.WARNING if expected and outcome is not Outcome.DEAD else logging.ERROR
        trace = None if expected or hopeless else error
        log.log(level, "job.failed", outcome=outcome, attempts=job.attempts, reason=reason, exc_info=trace)
        return outcome

    def _report(self, event: str, error: Exception) -> None:
        """Log in one line that the database is away, and with its trace what nobody foresaw."""
        if unavailable(error):
            log.warning(event, reason=str(error))
        else:
            log.error(event, exc_info=error)

    def _woken(self, _: str) -> None:
        self._wake.set()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._wake.wait()
        self._wake.clear()
