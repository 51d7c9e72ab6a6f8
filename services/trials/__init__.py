"""Free trials: one a person, begun with the registration, counted down live."""

from services.trials.countdown import Countdown
from services.trials.lifecycle import TrialNotExtendable, begin, claim, extend, watch
from services.trials.status import FINAL, Tick, TrialStatus, next_change, progress, seconds_left, tick_of, trial_status

__all__ = [
    "FINAL",
    "Countdown",
    "Tick",
    "TrialNotExtendable",
    "TrialStatus",
    "begin",
    "claim",
    "extend",
    "next_change",
    "progress",
    "seconds_left",
    "tick_of",
    "trial_status",
    "watch",
]
