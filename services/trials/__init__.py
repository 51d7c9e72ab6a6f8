"""Free trials: one a person, begun with the registration, counted down live."""

from services.trials.changing import tell_of
from services.trials.countdown import Countdown
from services.trials.ending import END, end_all, end_batch
from services.trials.lifecycle import TrialNotExtendable, begin, claim, extend, person_hash, watch
from services.trials.pausing import (
    TrialNotCancelable,
    TrialNotPausable,
    TrialNotResumable,
    cancel,
    pause,
    resume,
)
from services.trials.paying import (
    charge_failed,
    convert,
    payment_method_added,
    purchase_made,
    purchase_withdrawn,
    raise_quota,
)
from services.trials.reminders import REMINDERS, WIN_BACKS
from services.trials.status import (
    FINAL,
    Tick,
    TrialStatus,
    effective_plan,
    ends_at,
    has_access,
    next_change,
    progress,
    seconds_left,
    tick_of,
    trial_status,
)

__all__ = [
    "END",
    "FINAL",
    "REMINDERS",
    "WIN_BACKS",
    "Countdown",
    "Tick",
    "TrialNotCancelable",
    "TrialNotExtendable",
    "TrialNotPausable",
    "TrialNotResumable",
    "TrialStatus",
    "begin",
    "cancel",
    "charge_failed",
    "claim",
    "convert",
    "effective_plan",
    "end_all",
    "end_batch",
    "ends_at",
    "extend",
    "has_access",
    "next_change",
    "pause",
    "payment_method_added",
    "person_hash",
    "progress",
    "purchase_made",
    "purchase_withdrawn",
    "raise_quota",
    "resume",
    "seconds_left",
    "tell_of",
    "tick_of",
    "trial_status",
    "watch",
]
