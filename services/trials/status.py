"""What a trial's row means at a moment: pure functions, so that no scheduler decides who has access."""

import math
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from models.trials import EndPolicy, Trial

ENDING = timedelta(days=3)
"""The last stretch of a trial, in which it is called ENDING: at most half of the trial."""
CONVERTING = timedelta(days=3)
"""How long the charge that follows the end may take, before it counts as not made."""
GRACE = timedelta(days=3)
"""How long access outlives the first failure of that charge."""
NOTHING = timedelta(0)


class TrialStatus(StrEnum):
    """Where a trial stands."""

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
RUNNING = frozenset({TrialStatus.ACTIVE, TrialStatus.ENDING})
OPEN = RUNNING | {TrialStatus.CONVERTING, TrialStatus.GRACE}
"""These give access by themselves."""


def trial_status(trial: Trial, now: datetime) -> TrialStatus:
    """The status at `now`: what was decided goes before what time brings."""
    if trial.converted_at is not None:
        return TrialStatus.CONVERTED
    if trial.canceled_at is not None:
        return TrialStatus.CANCELED
    if now >= trial.ends_at:
        return _status_after_end(trial, now)
    if is_halted(trial, now):
        return TrialStatus.PAUSED
    if now < trial.ends_at - ENDING:  # the longest that it may be: most ticks need no more
        return TrialStatus.ACTIVE
    return TrialStatus.ENDING if now >= _ending_from(trial) else TrialStatus.ACTIVE


def _status_after_end(trial: Trial, now: datetime) -> TrialStatus:
    if trial.end_policy is EndPolicy.PAUSE:
        return TrialStatus.PAUSED
    if trial.end_policy is EndPolicy.CANCEL:
        return TrialStatus.CANCELED
    if not will_be_charged(trial):
        return TrialStatus.EXPIRED
    if trial.charge_failed_at is not None:
        return TrialStatus.GRACE if now < trial.charge_failed_at + GRACE else TrialStatus.EXPIRED
    return TrialStatus.CONVERTING if now < trial.ends_at + CONVERTING else TrialStatus.EXPIRED


def will_be_charged(trial: Trial) -> bool:
    """Whether the end is followed by a charge: its policy says so, and a payment method came before it."""
    return trial.end_policy is EndPolicy.BILL and trial.billable_at is not None and trial.billable_at < trial.ends_at


def is_halted(trial: Trial, now: datetime) -> bool:
    """Whether the owner's pause is on: it ends by itself at `resumes_at`."""
    return trial.resumes_at is not None and now < trial.resumes_at


def has_access(trial: Trial, now: datetime) -> bool:
    """Whether the trial itself gives its plan at `now`.

    What was canceled, or converted before its end, gives it until then; what a purchase gives is not the trial's.
    """
    if trial.converted_at is not None or trial.canceled_at is not None:
        return now < trial.ends_at
    return trial_status(trial, now) in OPEN


def effective_plan(trial: Trial, now: datetime) -> str | None:
    """The key of the plan that is had at `now`, purchases aside: the trial's, or the one that it reverts to."""
    return trial.plan_key if has_access(trial, now) else trial.revert_to


def next_change(trial: Trial, now: datetime) -> datetime | None:
    """The next moment after `now` at which time alone changes status or access; None when it never will."""
    present = trial_status(trial, now), has_access(trial, now)
    later = sorted(moment for moment in moments(trial) if moment > now)
    return next(
        (moment for moment in later if (trial_status(trial, moment), has_access(trial, moment)) != present), None
    )


def moments(trial: Trial) -> list[datetime]:
    """All moments at which time alone may change what the row means."""
    found = [_ending_from(trial), trial.ends_at, trial.ends_at + CONVERTING]
    if trial.resumes_at is not None:
        found.append(trial.resumes_at)
    if trial.charge_failed_at is not None:
        found.append(trial.charge_failed_at + GRACE)
    return found


def next_end(trial: Trial, now: datetime) -> datetime | None:
    """When the end of a running, halted, converting or lapsing trial comes; None when none will."""
    status = trial_status(trial, now)
    if status is TrialStatus.CONVERTING:
        return trial.ends_at + CONVERTING
    if status is TrialStatus.GRACE and trial.charge_failed_at is not None:
        return trial.charge_failed_at + GRACE
    return None if status in FINAL or now >= trial.ends_at else trial.ends_at


def length(trial: Trial) -> timedelta:
    """How long the trial runs in all, without what does not count."""
    return max(NOTHING, trial.ends_at - trial.started_at - timedelta(microseconds=trial.halted_microseconds))


def remaining(trial: Trial, now: datetime) -> timedelta:
    """How long the trial still runs, once it does: a pause keeps it to the microsecond."""
    since = trial.resumes_at if trial.resumes_at is not None and now < trial.resumes_at else now
    return max(NOTHING, trial.ends_at - since)


def ends_at(trial: Trial, now: datetime) -> datetime | None:
    """When the trial ends; None while it is paused."""
    return _told_end(trial, trial_status(trial, now))


def _told_end(trial: Trial, status: TrialStatus) -> datetime | None:
    return None if status is TrialStatus.PAUSED else trial.ends_at


def seconds_left(trial: Trial, now: datetime) -> int:
    """Whole seconds until the end, rounded up, so that 0 is shown at the end and not before it."""
    return _told_seconds(trial, now, trial_status(trial, now))


def _told_seconds(trial: Trial, now: datetime, status: TrialStatus) -> int:
    return 0 if status in FINAL else math.ceil(remaining(trial, now).total_seconds())


def progress(trial: Trial, now: datetime) -> float:
    """How much of the trial has passed, from 0.0 to 1.0."""
    whole = length(trial)
    return min(1.0, max(0.0, 1 - remaining(trial, now) / whole)) if whole else 1.0


class Tick(NamedTuple):
    """A trial at one moment, as the countdown tells it."""

    trial_id: int
    status: TrialStatus
    seconds_left: int
    ends_at: datetime | None
    server_time: datetime
    version: int


def tick_of(trial: Trial, now: datetime) -> Tick:
    """The tick at `now`."""
    status = trial_status(trial, now)
    return Tick(
        trial_id=trial.id,
        status=status,
        seconds_left=_told_seconds(trial, now, status),
        ends_at=_told_end(trial, status),
        server_time=now,
        version=trial.version,
    )


def _ending_from(trial: Trial) -> datetime:
    return trial.ends_at - min(ENDING, length(trial) / 2)
