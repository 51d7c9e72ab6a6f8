"""What a trial's row means at a moment: pure functions, so that no scheduler decides who has access."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from models.trials import Trial

ENDING = timedelta(days=3)
"""The last stretch of a trial, in which it is called ENDING."""


class TrialStatus(StrEnum):
    """Where a trial stands. The contract's list: some states come with billing."""

    ACTIVE = "ACTIVE"
    ENDING = "ENDING"
    CONVERTING = "CONVERTING"
    GRACE = "GRACE"
    EXPIRED = "EXPIRED"
    PAUSED = "PAUSED"
    CONVERTED = "CONVERTED"
    CANCELED = "CANCELED"


FINAL = frozenset({TrialStatus.EXPIRED, TrialStatus.CONVERTED, TrialStatus.CANCELED})
"""After these nothing counts down any more."""


def trial_status(trial: Trial, now: datetime) -> TrialStatus:
    """The status at `now`: what was decided goes before what time brings."""
    if trial.converted_at is not None:
        return TrialStatus.CONVERTED
    if trial.canceled_at is not None:
        return TrialStatus.CANCELED
    if now >= trial.ends_at:
        return TrialStatus.EXPIRED
    if now >= trial.ends_at - ENDING:
        return TrialStatus.ENDING
    return TrialStatus.ACTIVE


def next_change(trial: Trial, now: datetime) -> datetime | None:
    """The next moment after `now` at which time alone changes the status; None when it never will."""
    if trial_status(trial, now) in FINAL:
        return None
    return next(moment for moment in (trial.ends_at - ENDING, trial.ends_at) if moment > now)


def seconds_left(trial: Trial, now: datetime) -> int:
    """Whole seconds until the end, rounded up, so that 0 is shown at the end and not before it."""
    if trial_status(trial, now) in FINAL:
        return 0
    return math.ceil((trial.ends_at - now).total_seconds())


def progress(trial: Trial, now: datetime) -> float:
    """How much of the trial has passed, from 0.0 to 1.0."""
    whole = (trial.ends_at - trial.started_at).total_seconds()
    return min(1.0, max(0.0, (now - trial.started_at).total_seconds() / whole)) if whole > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A trial at one moment, as the countdown tells it."""

    trial_id: int
    status: TrialStatus
    seconds_left: int
    ends_at: datetime
    server_time: datetime
    version: int


def tick_of(trial: Trial, now: datetime) -> Tick:
    """The tick at `now`."""
    return Tick(
        trial_id=trial.id,
        status=trial_status(trial, now),
        seconds_left=seconds_left(trial, now),
        ends_at=trial.ends_at,
        server_time=now,
        version=trial.version,
    )
