"""The claim loop: takes due jobs, runs each under a deadline, and puts what failed back with backoff."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from adapters.database import unavailable
from core.errors import PorchlightError, Unavailable
from models.jobs import Job
from services import jobs
from services.app import App

Task = Callable[[App, Any], Awaitable[None]]

BATCH = 10
LOOK_EVERY = 1.0
"""Seconds between looks at the table when nobody wakes the worker."""
DEADLINE = jobs.LEASE.total_seconds() * 0.8
"""Seconds that a job may take: it must end before its lease does."""

log = structlog.get_logger(__name__)


class Worker:
    """Runs jobs until it is told to stop."""

    def __init__(self, app: App, tasks: Mapping[str, Task]) -> None:
        self._app = app
        self._tasks = tasks
        self._wake = asyncio.Event()
        self._stopping = False

    async def run(self) -> None:
        """Work until `stop`; what has begun is brought to its end."""
        unsubscribe = self._app.bus.subscribe(jobs.CHANNEL, self._woken, resync=self._wake.set)
        try:
            with self._app.database.bound():
                while not self._stopping:
                    if not await self._round():
                        await self._rest()
        finally:
            unsubscribe()

    def stop(self) -> None:
        """Take no more jobs; `run` returns when the present ones have ended."""
        self._stopping = True
        self._wake.set()

    async def drain(self) -> int:
        """Run everything that is due now, and what comes of it; how many jobs that was."""
        count = 0
        while done := await self._batch():
            count += done
        return count

    async def _round(self) -> int:
        try:
            return await self._batch()
        except Exception as error:
            log.warning("worker.round_failed", database=unavailable(error), exc_info=error)
            return 0

    async def _batch(self) -> int:
        claimed = await jobs.claim(self._app, BATCH)
        await asyncio.gather(*(self._perform(job) for job in claimed))
        return len(claimed)

    async def _perform(self, job: Job) -> None:
        with structlog.contextvars.bound_contextvars(job=job.kind, job_id=job.id):
            try:
                async with asyncio.timeout(DEADLINE):
                    await self._tasks[job.kind](self._app, job.payload)
            except Exception as error:  # ruff: ignore[blind-except] -- a job may fail in any way
                await self._failed(job, error)
            else:
                await jobs.finish(self._app, job)
                self._count(job, "done")
                log.info("job.done", attempts=job.attempts)

    async def _failed(self, job: Job, error: Exception) -> None:
        """Try again what may succeed later, and what nobody foresaw; give up what never will."""
        hopeless = isinstance(error, PorchlightError) and not isinstance(error, Unavailable)
        dead = await jobs.fail(self._app, job, f"{type(error).__name__}: {error}"[:1000], retry=not hopeless)
        self._count(job, "dead" if dead else "retried")
        expected = isinstance(error, Unavailable)
        log.log(30 if expected else 40, "job.failed", dead=dead, attempts=job.attempts, exc_info=not expected and error)

    def _count(self, job: Job, outcome: str) -> None:
        self._app.metrics.jobs.labels(job.kind if job.kind in self._tasks else "unknown", outcome).inc()

    def _woken(self, _: str) -> None:
        self._wake.set()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._wake.wait()
        self._wake.clear()
