"""What a user may use now: it follows from their trial and the clock, and no job decides it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.trials import Trial
from services.trials import effective_plan, has_access, next_change

if TYPE_CHECKING:
    from datetime import datetime

    from services.app import App
    from services.billing import Feature, Meter, Plan


@dataclass(frozen=True)
class Grant:
    """A plan, and how many percent of its limits."""

    plan: Plan
    percent: int = 100

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the plan includes, with the limits that hold here."""
        return tuple(replace(feature, limit=self._part_of(feature.limit)) for feature in self.plan.features)

    def includes(self, key: str) -> bool:
        """Whether a feature is included at all."""
        return any(feature.key == key and feature.enabled for feature in self.plan.features)

    def limit_of(self, meter: Meter) -> int | None:
        """The limit for each window of a meter: None for no limit, 0 where the plan says nothing of it."""
        return next((feature.limit for feature in self.features if feature.key == meter.key), 0)

    def _part_of(self, limit: int | None) -> int | None:
        """Rounded up, so that what is included stays so."""
        return None if limit is None else -(-limit * self.percent // 100)


def plan_of(app: App, trial: Trial | None, now: datetime) -> Grant:
    """What somebody with this trial, or with none, is entitled to at `now`."""
    plans, base = app.catalogue.plans, app.catalogue.base_plan
    if trial is None:
        return Grant(base)
    plan = plans.get(effective_plan(trial, now) or base.key, base)
    return Grant(plan, trial.quota_percent if plan is not base and has_access(trial, now) else 100)


def plan_changes_at(trial: Trial | None, now: datetime) -> datetime | None:
    """The next moment after `now` at which time alone may change what `plan_of` says; None when it never will."""
    return None if trial is None else next_change(trial, now)


def always_includes(app: App, feature: str) -> bool:
    """Whether every plan includes a feature: then nobody's rows need to be read."""
    return all(Grant(plan).includes(feature) for plan in app.catalogue.plans.values())


async def lapse(app: App, user_id: int, feature: str) -> None:
    """Return as soon as the user's plan does not include the feature any more."""
    trial = await Trial.get_or_none(user_id=user_id)
    changes = app.trials_changed.changes(
        str(trial.id if trial else ""), app.clock, lambda: plan_changes_at(trial, app.clock.now())
    )
    try:
        async for _ in changes:
            trial = await Trial.get_or_none(user_id=user_id)
            if not plan_of(app, trial, app.clock.now()).includes(feature):
                return
    finally:
        await changes.aclose()
