"""Changing a trial: one conditional UPDATE, and the rows that follow from it, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.errors import NotFound
from models.accounts import User
from models.trials import Trial, TrialChange, TrialChangeKind
from services import analytics, jobs
from services.analytics.trial_events import OF_KIND
from services.trials.countdown import CHANNEL
from services.trials.reminders import reminders
from services.trials.status import TrialStatus, next_end, trial_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from models.jobs import Job
    from services.analytics.trial_events import TrialChanged
    from services.app import App

Facts = dict[str, Any]


async def trial_of(user_id: int) -> Trial:
    """The trial of a user. Raises NotFound."""
    trial = await Trial.get_or_none(user_id=user_id)
    if trial is None:
        raise NotFound
    return trial


async def change(
    app: App,
    user_id: int,
    kind: TrialChangeKind,
    decide: Callable[[Trial, datetime], Facts],
    *,
    actor: User | None = None,
    reason: str | None = None,
    ready: Callable[[Trial], Awaitable[None]] | None = None,
    also: Callable[[Trial], Awaitable[None]] | None = None,
) -> Trial:
    """Change a user's trial in a transaction of its own, and tell every open countdown.

    `decide` is asked what to write, and may refuse; it is asked anew when somebody else was faster. `ready` is awaited
    once that is decided, `also` inside the transaction; both may refuse. Raises NotFound.
    """
    while True:
        trial = await trial_of(user_id)
        now = app.clock.now()
        facts = decide(trial, now)
        if ready is not None:
            await ready(trial)
        async with app.database.transaction():
            applied = await apply(app, trial, now, kind, facts, actor=actor, reason=reason)
            if applied and also is not None:
                await also(trial)
        if applied:
            await tell_of(app, trial)
            return trial


async def apply(
    app: App,
    trial: Trial,
    now: datetime,
    kind: TrialChangeKind,
    facts: Facts,
    *,
    actor: User | None = None,
    reason: str | None = None,
) -> bool:
    """Write `facts` into the row unless it has changed, with history, event and jobs, in the caller's transaction.

    `trial` is then the row as it has become. False when somebody else was faster; then it is to be thrown away.
    """
    before, ended = trial_status(trial, now), trial.ends_at
    trial.update_from_dict(facts)
    trial.due_at, trial.version = next_end(trial, now), trial.version + 1
    written = {**facts, "due_at": trial.due_at, "version": trial.version}
    if not await Trial.filter(id=trial.id, version=trial.version - 1).update(**written):
        return False
    await history(trial, now, kind, before, actor=actor, reason=reason).save()
    await analytics.record(app, trial.user_id, changed(trial, now, kind))
    if trial.ends_at != ended and trial.due_at is not None:
        await remind(app, trial, await User.get(id=trial.user_id))
    return True


async def remind(app: App, trial: Trial, user: User, letters: Sequence[Job] = ()) -> None:
    """Write the jobs of the reminders of a trial's present end, and others, inside the caller's transaction."""
    await jobs.enqueue_all([*reminders(app, trial, user.timezone), *letters])


async def tell_of(app: App, trial: Trial) -> None:
    """Tell every open countdown that a trial has changed, once the change has committed."""
    await app.bus.publish(CHANNEL, str(trial.id))


def history(
    trial: Trial,
    now: datetime,
    kind: TrialChangeKind,
    before: TrialStatus | None,
    *,
    actor: User | None = None,
    reason: str | None = None,
) -> TrialChange:
    """The row of history of a change that led to `trial`, not stored yet."""
    return TrialChange(
        trial_id=trial.id,
        version=trial.version,
        kind=kind,
        from_status=before,
        to_status=trial_status(trial, now),
        ends_at=trial.ends_at,
        actor_id=actor.id if actor else None,
        reason=reason,
        at=now,
    )


def changed(trial: Trial, now: datetime, kind: TrialChangeKind) -> TrialChanged:
    """What a change that led to `trial` is as an event."""
    return OF_KIND[kind](plan=trial.plan_key, status=str(trial_status(trial, now)), version=trial.version)
