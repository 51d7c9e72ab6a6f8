"""What happens again and again: one job for each slot of time.

Every worker takes the present slot; the row of its kind lets one of them write the job, however many workers there are
and however often they start. Slots in which no worker ran are made up for once, by the job of the present one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services import audit, budgets, images, measuring, pruning, recommendations, schedule, trials, usage
from services.analytics import keeping
from services.analytics.figures import freezing, retention
from services.app import App
from services.billing import forgetting, reconciling
from services.embedding_spaces import moving
from services.mfa import half_sessions
from services.recommendations import collaborative


@dataclass(frozen=True)
class Recurring:
    """A kind of job, and how often there is one: at the beginning of each slot of `every`, counted from 1970 on."""

    kind: str
    every: timedelta


SCHEDULE = (
    Recurring(audit.CHAIN, timedelta(seconds=30)),
    Recurring(pruning.JOBS, timedelta(hours=1)),
    Recurring(pruning.TOKENS, timedelta(hours=1)),
    Recurring(recommendations.PRUNE, timedelta(minutes=15)),
    Recurring(pruning.FRAUD, timedelta(days=1)),
    Recurring(pruning.MAIL, timedelta(days=1)),
    Recurring(pruning.SESSIONS, timedelta(days=1)),
    Recurring(keeping.ROLL, timedelta(days=1)),
    Recurring(keeping.PRUNE, timedelta(hours=1)),
    Recurring(trials.END, timedelta(seconds=15)),
    Recurring(measuring.FOLD, timedelta(hours=1)),
    Recurring(pruning.USAGE, timedelta(days=1)),
    Recurring(images.PRUNE, timedelta(days=1)),
    Recurring(forgetting.PRUNE, timedelta(days=1)),
    Recurring(reconciling.EVENTS, timedelta(hours=1)),
    Recurring(reconciling.SUBSCRIPTIONS, timedelta(days=1)),
    Recurring(freezing.FREEZE, timedelta(hours=1)),
    Recurring(retention.RETAIN, timedelta(hours=1)),
    Recurring(usage.EXPIRE, timedelta(minutes=1)),
    Recurring(budgets.LAPSE, timedelta(minutes=1)),
    Recurring(moving.MOVE, timedelta(minutes=1)),
    Recurring(moving.FORGET, timedelta(hours=1)),
    Recurring(half_sessions.EXPIRE, timedelta(minutes=15)),
    Recurring(collaborative.FIT, timedelta(hours=1)),
    Recurring(collaborative.LOOK, timedelta(minutes=1)),
)
"""An event is chained within a minute: half of it is for the job to be taken and done."""


class Schedule:
    """The recurring jobs of one worker."""

    def __init__(self, app: App, recurring: Sequence[Recurring]) -> None:
        self._app = app
        self._recurring = recurring
        self.kinds = frozenset(each.kind for each in recurring)
        self._settled: dict[str, datetime] = {}

    async def enqueue(self) -> None:
        """Write the jobs of the slots that have begun since the last call. Costs nothing when none has."""
        now = self._app.clock.now()
        slots = {each: schedule.slot_of(now, each.every) for each in self._recurring}
        begun = {each: slot_at for each, slot_at in slots.items() if self._settled.get(each.kind) != slot_at}
        if not begun:
            return
        known = await schedule.rows(each.kind for each in begun)
        if new := {each.kind: (each.every, slot_at) for each, slot_at in begun.items() if each.kind not in known}:
            await schedule.begin(self._app, new)
        for each, slot_at in begun.items():
            row = known.get(each.kind)
            if row is None or await schedule.take(self._app, each.kind, each.every, slot_at, row):
                self._settled[each.kind] = slot_at
