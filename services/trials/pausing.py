"""What owners do with their trial: pause it, let it run on, cancel it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import Refusal
from models.trials import TrialChangeKind
from services.trials.changing import change
from services.trials.purchases import close_page, require_nothing_bought
from services.trials.status import RUNNING, TrialStatus, is_halted, remaining, trial_status

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from models.accounts import User
    from models.trials import Trial
    from services.app import App
    from services.trials.changing import Facts

MOST_PAUSES = 2
"""Pauses that one trial may have, so that nobody stretches it over the days on which it is used."""
LONGEST_PAUSE = timedelta(days=30)
"""After which a paused trial runs on by itself."""
CANCELABLE = RUNNING | {TrialStatus.PAUSED, TrialStatus.GRACE}


CANCEL_FIRST = "You have bought a plan. Cancel the subscription (cancelSubscription): then nothing is charged."
CHARGE_IS_SET = "You have bought a plan: its first charge is due at the end that this trial has now."


class TrialNotPausable(Refusal):
    """The trial is not running, or has had its pauses, or a plan has been bought."""

    message = f"Only a running trial can be paused, and no more than {MOST_PAUSES} times."


class TrialNotResumable(Refusal):
    """The trial is not paused by its owner."""

    message = "Only a trial that you have paused can be resumed."


class TrialNotCancelable(Refusal):
    """The trial is over, or its charge is under way, or a plan has been bought: then that is what is canceled."""

    message = "This trial is over, or its charge is under way."


async def pause(app: App, user: User) -> Trial:
    """Halt the viewer's trial: the remaining time is kept, for 30 days at most, and meanwhile there is no access.

    Not when a plan has been bought: its first charge would come in the pause. Raises NotFound, TrialNotPausable,
    Unavailable.
    """
    refusal = TrialNotPausable(CHARGE_IS_SET)
    return await _alone(app, user, TrialChangeKind.PAUSED, _paused, refusal, but_ending=False)


async def resume(app: App, user: User) -> Trial:
    """Let the viewer's trial run on with the time that it had left. Raises NotFound, TrialNotResumable."""
    return await change(app, user.id, TrialChangeKind.RESUMED, _resumed, actor=user)


async def cancel(app: App, user: User) -> Trial:
    """End the viewer's trial for good: access stays until its end, and a paused one ends now.

    Not when a plan has been bought: it would be charged all the same. Raises NotFound, TrialNotCancelable, Unavailable.
    """
    refusal = TrialNotCancelable(CANCEL_FIRST)
    return await _alone(app, user, TrialChangeKind.CANCELED, _canceled, refusal, but_ending=True)


def without_pause(trial: Trial, now: datetime) -> Facts:
    """The facts of a halted trial that runs on from `now`; none of one that is not halted."""
    if trial.resumes_at is None or not is_halted(trial, now):
        return {}
    unused = (trial.resumes_at - now) // timedelta(microseconds=1)
    return {
        "ends_at": now + remaining(trial, now),
        "paused_at": None,
        "resumes_at": None,
        "halted_microseconds": trial.halted_microseconds - unused,
    }


async def _alone(
    app: App,
    user: User,
    kind: TrialChangeKind,
    decide: Callable[[Trial, datetime], Facts],
    refusal: Refusal,
    *,
    but_ending: bool,
) -> Trial:
    """Change a trial beside which nothing has been bought. Raises `refusal` otherwise."""

    async def ready(_: Trial) -> None:
        await require_nothing_bought(user.id, refusal, but_ending=but_ending)
        await close_page(app, user.id, refusal)

    async def still(_: Trial) -> None:
        await require_nothing_bought(user.id, refusal, but_ending=but_ending)

    return await change(app, user.id, kind, decide, actor=user, ready=ready, also=still)


def _paused(trial: Trial, now: datetime) -> Facts:
    if trial_status(trial, now) not in RUNNING or trial.pauses >= MOST_PAUSES:
        raise TrialNotPausable
    return {
        "ends_at": trial.ends_at + LONGEST_PAUSE,
        "paused_at": now,
        "resumes_at": now + LONGEST_PAUSE,
        "pauses": trial.pauses + 1,
        "halted_microseconds": trial.halted_microseconds + LONGEST_PAUSE // timedelta(microseconds=1),
    }


def _resumed(trial: Trial, now: datetime) -> Facts:
    facts = without_pause(trial, now)
    if trial_status(trial, now) is not TrialStatus.PAUSED or not facts:
        raise TrialNotResumable
    return facts


def _canceled(trial: Trial, now: datetime) -> Facts:
    if trial_status(trial, now) not in CANCELABLE:
        raise TrialNotCancelable
    facts = without_pause(trial, now)
    return facts | {"canceled_at": now} | ({"ends_at": now} if facts else {})
