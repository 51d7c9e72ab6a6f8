"""Writing down what time has ended. Access never waits for it: that follows from the row and the clock."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.analytics import Event
from models.trials import Trial, TrialChange, TrialChangeKind
from services import jobs
from services.analytics import event
from services.trials.changing import changed, history
from services.trials.reminders import win_back
from services.trials.status import TrialStatus, moments, next_end, trial_status

if TYPE_CHECKING:
    from services.app import App

END = "trials.end"
BATCH = 500
"""Trials that one transaction ends."""
_MOMENT = timedelta(microseconds=1)
_CLAIM = """
UPDATE trials SET due_at = NULL, version = version + 1
WHERE due_at <= $1 AND id IN (SELECT id FROM trials WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2{skipping})
RETURNING id
"""
_SKIPPING = {"postgres": " FOR UPDATE SKIP LOCKED", "sqlite": ""}
"""On PostgreSQL nobody waits for rows that another worker is taking; SQLite has one writer at a time."""


async def end_all(app: App, _: dict[str, Any]) -> None:
    """Write down every end that has come, batch by batch; any number of workers may do so at once."""
    while await end_batch(app):
        pass


async def end_batch(app: App, limit: int = BATCH) -> int:
    """Claim up to `limit` trials whose end has come, and write what follows, in one transaction; how many there were.

    The claim is one statement: each end is one worker's.
    """
    now = app.clock.now()
    async with app.database.transaction():
        ids = await _claim(app, now, limit)
        if ids:
            trials = await Trial.filter(id__in=ids).order_by("id")
            await _follow(app, trials, now)
    return len(ids)


async def _claim(app: App, now: datetime, limit: int) -> list[int]:
    moment = now if app.database.dialect == "postgres" else now.isoformat(" ")
    statement = _CLAIM.format(skipping=_SKIPPING[app.database.dialect])
    return [row["id"] for row in await app.database.rows(statement, [moment, limit])]


async def _follow(app: App, trials: list[Trial], now: datetime) -> None:
    changes = [history(trial, now, TrialChangeKind.ENDED, _status_before(trial, now)) for trial in trials]
    await TrialChange.bulk_create(changes, batch_size=BATCH)
    ended = [event(changed(trial, now, TrialChangeKind.ENDED), trial.user_id, now) for trial in trials]
    await Event.bulk_create(ended, batch_size=BATCH)
    expired = [trial for trial in trials if trial_status(trial, now) is TrialStatus.EXPIRED]
    zones = dict(await User.filter(id__in=[trial.user_id for trial in expired]).values_list("id", "timezone"))
    await jobs.enqueue_all([win_back(app, trial, zones[trial.user_id]) for trial in expired])
    further: dict[datetime, list[int]] = defaultdict(list)
    for trial in trials:
        if (due := next_end(trial, now)) is not None:
            further[due].append(trial.id)
    for due, ids in further.items():
        await Trial.filter(id__in=ids).update(due_at=due)


def _status_before(trial: Trial, now: datetime) -> TrialStatus:
    """The status until the last moment that changed it."""
    present = trial_status(trial, now)
    passed = sorted((moment for moment in moments(trial) if moment <= now), reverse=True)
    before = (trial_status(trial, moment - _MOMENT) for moment in passed)
    return next((status for status in before if status is not present), present)
