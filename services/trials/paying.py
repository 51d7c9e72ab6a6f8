"""What billing and reviews of fraud tell of a trial, in the caller's transaction; `tell_of` comes after its commit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from models.trials import EndPolicy, TrialChangeKind
from services.trials.changing import apply, trial_of
from services.trials.pausing import without_pause
from services.trials.status import FINAL, TrialStatus, trial_status, will_be_charged

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from models.accounts import User
    from models.trials import Trial
    from services.app import App
    from services.trials.changing import Facts

FULL = 100
"""Percent of a plan's quotas."""


async def convert(app: App, user_id: int) -> Trial:
    """The first invoice of more than nothing has been paid: the trial is followed by a purchase. Twice is once.

    Also a trial that had expired or was canceled may be followed by one. What a pause had kept is given from now on.
    Raises NotFound.
    """
    return await _tell(app, user_id, TrialChangeKind.CONVERTED, _converted)


async def payment_method_added(app: App, user_id: int) -> Trial:
    """A payment method is on file. It counts when it came before the end. Twice is once. Raises NotFound."""
    return await _tell(app, user_id, TrialChangeKind.PAYMENT_METHOD_ADDED, _billable)


async def purchase_made(app: App, user_id: int) -> Trial:
    """A plan has been bought that begins with the trial's end: the end charges, whatever it would have done before.

    Twice is once, and once the trial is over nothing changes. Raises NotFound.
    """
    return await _tell(app, user_id, TrialChangeKind.PAYMENT_METHOD_ADDED, _bought)


async def purchase_withdrawn(app: App, user_id: int) -> Trial:
    """What had been bought for after the trial has been canceled: the end is the catalogue's again, and charges nobody.

    Raises NotFound.
    """
    policy = app.catalogue.trial_end.policy
    return await _tell(app, user_id, TrialChangeKind.PAYMENT_METHOD_REMOVED, partial(_withdrawn, policy=policy))


async def charge_failed(app: App, user_id: int) -> Trial:
    """The charge that follows the end has failed: access stays for the grace. Only the first failure counts.

    Raises NotFound.
    """
    return await _tell(app, user_id, TrialChangeKind.CHARGE_FAILED, _failed)


async def raise_quota(app: App, user_id: int, *, actor: User) -> Trial:
    """A trial that was begun with smaller quotas gets all of its plan. Twice is once. Raises NotFound."""
    return await _tell(app, user_id, TrialChangeKind.QUOTA_RAISED, _full, actor=actor)


async def _tell(
    app: App,
    user_id: int,
    kind: TrialChangeKind,
    decide: Callable[[Trial, datetime], Facts],
    *,
    actor: User | None = None,
) -> Trial:
    while True:
        trial, now = await trial_of(user_id), app.clock.now()
        facts = decide(trial, now)
        if not facts or await apply(app, trial, now, kind, facts, actor=actor):
            return trial


def _full(trial: Trial, _: datetime) -> Facts:
    return {} if trial.quota_percent >= FULL else {"quota_percent": FULL}


def _converted(trial: Trial, now: datetime) -> Facts:
    return {} if trial.converted_at else without_pause(trial, now) | {"converted_at": now, "quota_percent": FULL}


def _billable(trial: Trial, now: datetime) -> Facts:
    counts = trial.billable_at is not None and (trial.billable_at < trial.ends_at or now >= trial.ends_at)
    return {} if counts else {"billable_at": now}


def _bought(trial: Trial, now: datetime) -> Facts:
    over = now >= trial.ends_at or trial_status(trial, now) in FINAL
    return {} if over or will_be_charged(trial) else {"billable_at": now, "end_policy": EndPolicy.BILL}


def _withdrawn(trial: Trial, now: datetime, *, policy: EndPolicy) -> Facts:
    waits = will_be_charged(trial) and trial_status(trial, now) not in FINAL
    return {"billable_at": None, "end_policy": policy} if waits else {}


def _failed(trial: Trial, now: datetime) -> Facts:
    return {"charge_failed_at": now} if trial_status(trial, now) is TrialStatus.CONVERTING else {}
