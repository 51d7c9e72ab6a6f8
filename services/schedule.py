"""Recurring work: which slot of time has its job, and how the last one went.

A slot is taken by one statement on the row of its kind, in the transaction that writes its job: of many workers one
does so. No slot is taken while the job of an earlier one is under a lease, so that no run overlaps with another, and
one that waits for its next attempt gives way to the new job: recurring work looks at all there is to do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tortoise.expressions import F, Q

from models.jobs import Job
from models.schedule import ScheduleRun
from services import jobs
from services.jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.app import App

SUPERSEDED = "A later slot has taken this over."
FORGOTTEN = timedelta(days=30)
"""After which a kind that nobody schedules any more is not shown."""


class _StillRunsError(Exception):
    """The job of an earlier slot is under a lease."""


def slot_of(now: datetime, every: timedelta) -> datetime:
    """Where the slot begins that `now` is in, counted from 1970 on: in UTC, so that no summer time moves it."""
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def key_of(kind: str, slot_at: datetime) -> str:
    """The `dedup_key` of a slot's job. It does not change with the length of slots."""
    return f"{kind}:{int(slot_at.timestamp())}"


async def rows(kinds: Iterable[str]) -> dict[str, ScheduleRun]:
    """What is known of these kinds. One query."""
    return {row.kind: row for row in await ScheduleRun.filter(kind__in=list(kinds))}


async def begin(app: App, slots: Mapping[str, tuple[timedelta, datetime]]) -> None:
    """Write rows and jobs of kinds without a row: length of slot and beginning by name. Two workers do so once."""
    rows = [
        ScheduleRun(kind=kind, every=int(every.total_seconds()), slot_at=slot_at, missed=0)
        for kind, (every, slot_at) in slots.items()
    ]
    async with app.database.transaction():
        await ScheduleRun.bulk_create(rows, ignore_conflicts=True)
        await jobs.enqueue_all([jobs.job(app, row.kind, {}, dedup_key=key_of(row.kind, row.slot_at)) for row in rows])


async def take(app: App, kind: str, every: timedelta, slot_at: datetime, row: ScheduleRun) -> bool:
    """Write the job of a slot, unless it has one; whether the slot is settled, by this worker or another one.

    False when a job of the kind runs: it is worth asking again. `row` is what is known of the kind.
    """
    if row.slot_at >= slot_at:
        return True
    missed = max(0, int((slot_at - row.slot_at) / every) - 1)
    try:
        async with app.database.transaction():
            mine = ScheduleRun.filter(id=row.id, slot_at=row.slot_at)
            if await mine.update(slot_at=slot_at, every=int(every.total_seconds()), missed=F("missed") + missed):
                await _supersede(app, key_of(kind, row.slot_at))
                await jobs.enqueue(app, kind, {}, dedup_key=key_of(kind, slot_at))
    except _StillRunsError:
        return False
    return True


async def ended(app: App, job: Job, started_at: datetime, outcome: Outcome, error: BaseException | None) -> None:
    """Write down how an attempt at a slot's job went, unless a later one has ended already. One statement."""
    kind, _, second = job.dedup_key.rpartition(":")
    if kind != job.kind or outcome is Outcome.LOST or not (second.isascii() and second.isdecimal()):
        return
    now, slot_at = app.clock.now(), datetime.fromtimestamp(int(second), UTC)
    if slot_at < now - FORGOTTEN:
        return  # a key of an earlier version, which named slots by number
    told = {
        "started_at": started_at,
        "ended_at": now,
        "outcome": outcome,
        "error": type(error).__name__[:100] if error else None,
    }
    if outcome is Outcome.DONE:
        told["succeeded_at"] = now
    if outcome is not Outcome.RETRIED:
        told["ended_slot_at"] = slot_at
    newest = Q(ended_slot_at__isnull=True) | Q(ended_slot_at__lte=slot_at)
    await ScheduleRun.filter(newest, kind=kind, slot_at__gte=slot_at).update(**told)


async def overview(app: App) -> list[ScheduleRun]:
    """What is scheduled, by name. What no worker has scheduled for a month is left out. One query."""
    return await ScheduleRun.filter(slot_at__gt=app.clock.now() - FORGOTTEN).order_by("kind")


async def _supersede(app: App, key: str) -> None:
    """End a job that waits for its next attempt. Raises _StillRunsError when it is under a lease."""
    now = app.clock.now()
    waiting = Job.filter(dedup_key=key, due_at__isnull=False, lease__isnull=True)
    if await waiting.update(due_at=None, done_at=now, last_error=SUPERSEDED):
        return
    if await Job.exists(dedup_key=key, lease__isnull=False):
        raise _StillRunsError
