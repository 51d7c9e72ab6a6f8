"""Work for later: rows written in the transaction that causes them, claimed by workers under a lease."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tortoise.expressions import F, Subquery

from models.jobs import Job

if TYPE_CHECKING:
    from services.app import App

CHANNEL = "jobs.enqueued"
LEASE = timedelta(seconds=60)
"""How long a worker may hold a job before another one takes it over."""
MAX_ATTEMPTS = 10
FIRST_BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(hours=8)


async def enqueue(
    app: App, kind: str, payload: dict[str, Any], *, dedup_key: str, due_at: datetime | None = None
) -> None:
    """Write a job inside the caller's transaction. A second one with the same `dedup_key` changes nothing.

    Call `wake` once the transaction has committed; without it the job starts at the workers' next look.
    """
    now = app.clock.now()
    job = Job(kind=kind, payload=payload, dedup_key=dedup_key, due_at=due_at or now, created_at=now, attempts=0)
    await Job.bulk_create([job], ignore_conflicts=True)


async def wake(app: App) -> None:
    """Tell workers, in this process and others, that there is something to do."""
    await app.bus.publish(CHANNEL, "")


async def claim(app: App, limit: int) -> list[Job]:
    """Take up to `limit` due jobs for the time of a lease. No job is given to two workers at once.

    One UPDATE decides: a second worker that chose the same rows finds them no longer due.
    """
    now = app.clock.now()
    lease = secrets.token_hex(16)
    due = Job.filter(due_at__lte=now).order_by("due_at").limit(limit)
    claimed = await Job.filter(id__in=Subquery(due.values("id")), due_at__lte=now).update(
        due_at=now + LEASE, lease=lease, attempts=F("attempts") + 1
    )
    return await Job.filter(lease=lease).order_by("id") if claimed else []


async def finish(app: App, job: Job) -> None:
    """Mark a job as done, unless its lease has passed to another worker."""
    await _held(job).update(due_at=None, lease=None, done_at=app.clock.now(), last_error=None)


async def fail(app: App, job: Job, reason: str, *, retry: bool) -> bool:
    """Put a job back with backoff, or to rest as a dead letter. True when it is dead."""
    now = app.clock.now()
    if retry and job.attempts < MAX_ATTEMPTS:
        await _held(job).update(due_at=now + backoff(job.attempts), lease=None, last_error=reason)
        return False
    await _held(job).update(due_at=None, lease=None, dead_at=now, last_error=reason)
    return True


def backoff(attempts: int) -> timedelta:
    """How long a job rests after its `attempts`-th failure: doubling from 5 s, at most 8 h."""
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * float(2 ** (attempts - 1)))


async def oldest_due(app: App) -> float:
    """Seconds that the longest-waiting due job has waited; 0.0 when nothing waits."""
    now = app.clock.now()
    job = await Job.filter(due_at__lte=now).order_by("due_at").first()
    return (now - job.due_at).total_seconds() if job and job.due_at else 0.0


def _held(job: Job) -> Any:
    return Job.filter(id=job.id, lease=job.lease)
