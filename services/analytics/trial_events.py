"""What happens to trials, as events: each kind of change is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.trials import TrialChangeKind
from services.analytics.events import Happened
from services.analytics.names import Name


@dataclass(frozen=True, kw_only=True)
class TrialChanged(Happened):
    """A trial has changed: its plan, its status from then on, and the number of the change."""

    plan: str
    status: str
    version: int


class TrialStarted(TrialChanged):
    """A trial has begun, with the registration or by a person's review."""

    name: ClassVar[Name] = Name.TRIAL_STARTED


class TrialExtended(TrialChanged):
    """The staff has moved a trial's end."""

    name: ClassVar[Name] = Name.TRIAL_EXTENDED


class TrialPaused(TrialChanged):
    """The owner has paused a trial."""

    name: ClassVar[Name] = Name.TRIAL_PAUSED


class TrialResumed(TrialChanged):
    """A paused trial goes on."""

    name: ClassVar[Name] = Name.TRIAL_RESUMED


class TrialCanceled(TrialChanged):
    """The owner has ended a trial before its time."""

    name: ClassVar[Name] = Name.TRIAL_CANCELED


class TrialPaymentMethodAdded(TrialChanged):
    """A payment method is on file, or a plan has been bought for after the trial."""

    name: ClassVar[Name] = Name.TRIAL_PAYMENT_METHOD_ADDED


class TrialPaymentMethodRemoved(TrialChanged):
    """What had been bought for after the trial was taken back."""

    name: ClassVar[Name] = Name.TRIAL_PAYMENT_METHOD_REMOVED


class TrialChargeFailed(TrialChanged):
    """The first charge after a trial has failed."""

    name: ClassVar[Name] = Name.TRIAL_CHARGE_FAILED


class TrialConverted(TrialChanged):
    """The first invoice of more than nothing was paid."""

    name: ClassVar[Name] = Name.TRIAL_CONVERTED


class TrialQuotaRaised(TrialChanged):
    """A trial that had begun with smaller quotas has those of its plan."""

    name: ClassVar[Name] = Name.TRIAL_QUOTA_RAISED


class TrialEnded(TrialChanged):
    """A trial's time is over, or that of the grace after it."""

    name: ClassVar[Name] = Name.TRIAL_ENDED


OF_KIND: dict[TrialChangeKind, type[TrialChanged]] = {
    TrialChangeKind.STARTED: TrialStarted,
    TrialChangeKind.EXTENDED: TrialExtended,
    TrialChangeKind.PAUSED: TrialPaused,
    TrialChangeKind.RESUMED: TrialResumed,
    TrialChangeKind.CANCELED: TrialCanceled,
    TrialChangeKind.PAYMENT_METHOD_ADDED: TrialPaymentMethodAdded,
    TrialChangeKind.PAYMENT_METHOD_REMOVED: TrialPaymentMethodRemoved,
    TrialChangeKind.CHARGE_FAILED: TrialChargeFailed,
    TrialChangeKind.CONVERTED: TrialConverted,
    TrialChangeKind.QUOTA_RAISED: TrialQuotaRaised,
    TrialChangeKind.ENDED: TrialEnded,
}
"""The event of each kind of change."""
