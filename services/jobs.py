"""Work for later: rows written in the transaction that causes them, claimed by workers under a lease."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tortoise.expressions import F, Subquery

from models.jobs import Job

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App

CHANNEL = "jobs.enqueued"
LEASE = timedelta(seconds=60)
"""How long a worker may hold a job before another one takes it over."""
MAX_ATTEMPTS = 16
"""The last of them is 27 hours after the first: who is away for a night costs nothing but time."""
UNFORESEEN_ATTEMPTS = 10
"""Of what fails as nobody foresaw, in 42 minutes: waiting mends no fault of ours, and somebody has to know of it."""
FIRST_BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(hours=8)
CAUSE = "traceparent"
"""Where a payload says what caused its job, if that is traced. No task is shown it."""
BATCH = 1000
"""Jobs that one statement writes."""
LONGEST_REASON = 1000
"""Characters of an error that a job keeps."""
_CLAIM = """
WITH due AS MATERIALIZED (
  SELECT id FROM jobs WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE jobs SET due_at = $3, lease = $4, attempts = attempts + 1 FROM due WHERE jobs.id = due.id
"""
"""Rows are chosen once. As a subselect of the UPDATE they are chosen anew for each row that a nested loop looks at, and
those that it has just taken are passed over as locked: more are taken than `$2`."""
_NAMED = {
    "sqlite": "(CAST(json_extract(payload, '$.user_id') AS TEXT) = $1 OR json_extract(payload, '$.address') = $2)",
    "postgres": "(payload->>'user_id' = $1 OR payload->>'address' = $2)",
}
"""That a payload names a user, by number or by address, in the SQL of each database."""


class Outcome(StrEnum):
    """How one attempt at a job ended."""

    DONE = "done"
    RETRIED = "retried"
    DEAD = "dead"
    LOST = "lost"
    """The lease had passed to another worker, whose outcome counts."""


async def enqueue(
    app: App, kind: str, payload: dict[str, Any], *, dedup_key: str, due_at: datetime | None = None
) -> None:
    """Write a job inside the caller's transaction. A second one with the same `dedup_key` changes nothing.

    Call `wake` once the transaction has committed; without it the job starts at the workers' next look.
    """
    await enqueue_all([job(app, kind, payload, dedup_key=dedup_key, due_at=due_at)])


def job(app: App, kind: str, payload: dict[str, Any], *, dedup_key: str, due_at: datetime | None = None) -> Job:
    """A job that is not stored yet, for `enqueue_all`."""
    now = app.clock.now()
    if app.ports.tracing is not None and (cause := app.ports.tracing.here()):
        payload = {**payload, CAUSE: cause}
    return Job(kind=kind, payload=payload, dedup_key=dedup_key, due_at=due_at or now, created_at=now, attempts=0)


async def enqueue_all(several: list[Job]) -> None:
    """Write many jobs as `enqueue` writes one, in one statement or, beyond a thousand, in few."""
    if several:
        await Job.bulk_create(several, batch_size=BATCH, ignore_conflicts=True)


async def wake(app: App) -> None:
    """Tell workers, in this process and others, that there is something to do."""
    await app.bus.publish(CHANNEL, "")


async def claim(app: App, limit: int) -> list[Job]:
    """Take up to `limit` due jobs for the time of a lease, the longest waiting first. No job is given to two workers.

    One UPDATE decides. On PostgreSQL it passes over the rows that another worker is taking at this moment: neither
    waits for the other, and both get some. SQLite has one writer at a time.
    """
    now = app.clock.now()
    lease, until = secrets.token_hex(16), now + LEASE
    if app.database.dialect == "postgres":
        claimed = await app.database.execute(_CLAIM, [now, limit, until, lease])
    else:
        due = Job.filter(due_at__lte=now).order_by("due_at", "id").limit(limit)
        claimed = await Job.filter(id__in=Subquery(due.only("id"))).update(
            due_at=until, lease=lease, attempts=F("attempts") + 1
        )
    # `due_at` has an index, `lease` has none.
    return await Job.filter(due_at=until, lease=lease).order_by("id") if claimed else []


async def finish(app: App, job: Job) -> Outcome:
    """Mark a job as done, unless its lease has passed to another worker."""
    held = await _held(job).update(due_at=None, lease=None, done_at=app.clock.now(), last_error=None)
    return Outcome.DONE if held else Outcome.LOST


async def fail(app: App, job: Job, reason: str, *, retry: bool) -> Outcome:
    """Put a job back with backoff or, when `retry` is false or was in vain too often, to rest as a dead letter."""
    now = app.clock.now()
    reason = reason[:LONGEST_REASON].replace("\0", "").encode(errors="replace").decode()  # what PostgreSQL can keep
    if retry and job.attempts < MAX_ATTEMPTS:
        held = await _held(job).update(due_at=now + backoff(job.attempts), lease=None, last_error=reason)
        return Outcome.RETRIED if held else Outcome.LOST
    held = await _held(job).update(due_at=None, lease=None, dead_at=now, last_error=reason)
    return Outcome.DEAD if held else Outcome.LOST


def backoff(attempts: int) -> timedelta:
    """How long a job rests after its `attempts`-th failure: doubling from 5 s, at most 8 h."""
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * (1 << min(attempts - 1, 30)))


async def oldest_due(app: App) -> float:
    """Seconds that the longest-waiting due job has waited; 0.0 when nothing waits."""
    now = app.clock.now()
    job = await Job.filter(due_at__lte=now).order_by("due_at").first()
    return (now - job.due_at).total_seconds() if job and job.due_at else 0.0


async def about(app: App, user: User, *, after: int, limit: int) -> list[int]:
    """Ids of jobs whose payload names a user, from the one after `after` on. It looks at all jobs that are kept.

    What was asked for by somebody who had not signed in, such as a link, names the address alone.
    """
    sql = f"SELECT id FROM jobs WHERE {_NAMED[app.database.dialect]} AND id > $3 ORDER BY id LIMIT $4"  # ruff: ignore[hardcoded-sql-expression] -- one of two texts of ours
    return [row["id"] for row in await app.database.rows(sql, [str(user.id), user.email_key, after, limit])]


async def forget(app: App, user: User, *, but: str) -> None:
    """Delete the jobs whose payload names a user, as in `about`, done or not, except for those of the kind `but`."""
    sql = f"DELETE FROM jobs WHERE {_NAMED[app.database.dialect]} AND kind <> $3"  # ruff: ignore[hardcoded-sql-expression] -- one of two texts of ours
    await app.database.execute(sql, [str(user.id), user.email_key, but])


def _held(job: Job) -> Any:
    return Job.filter(id=job.id, lease=job.lease)
