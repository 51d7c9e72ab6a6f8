"""What a user may use now: it follows from what they have bought, their trial and the clock; no job decides it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adapters.database import found_by
from models.billing import PlanSubscription, PlanSubscriptionStatus
from models.trials import Trial
from services.billing import standing
from services.trials import effective_plan, has_access, next_change

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from services.app import App
    from services.billing import Feature, Meter, Plan


@dataclass(frozen=True)
class Held:
    """What a user has: their trial, and their subscriptions that are not over."""

    trial: Trial | None
    purchases: tuple[PlanSubscription, ...] = ()


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


async def held_by(user_id: int) -> Held:
    """What a user has. Two statements."""
    return (await held_by_all([user_id]))[user_id]


async def held_by_all(user_ids: Collection[int]) -> dict[int, Held]:
    """What each user has. Two statements."""
    trials = {trial.user_id: trial for trial in await found_by(Trial, "user_id", user_ids)}
    purchases = await purchases_of(user_ids)
    return {user_id: Held(trials.get(user_id), purchases[user_id]) for user_id in user_ids}


async def purchases_of(user_ids: Collection[int]) -> dict[int, tuple[PlanSubscription, ...]]:
    """The subscriptions of each user that are not over."""
    rows = await found_by(PlanSubscription, "user_id", user_ids)
    rows = [row for row in rows if row.status is not PlanSubscriptionStatus.CANCELED]
    return {user_id: tuple(row for row in rows if row.user_id == user_id) for user_id in user_ids}


def plan_of(app: App, held: Held, now: datetime) -> Grant:
    """What somebody who has this is entitled to at `now`: what was bought goes before the trial."""
    plans, base, trial = app.catalogue.plans, app.catalogue.base_plan, held.trial
    purchase = standing.purchase_of(held.purchases, now)
    if purchase is not None and purchase.plan_key in plans and standing.gives_access(purchase, now):
        return Grant(plans[purchase.plan_key])
    if trial is None:
        return Grant(base)
    plan = plans.get(effective_plan(trial, now) or base.key, base)
    return Grant(plan, trial.quota_percent if plan is not base and has_access(trial, now) else 100)


def plan_changes_at(held: Held, now: datetime) -> datetime | None:
    """The next moment after `now` at which time alone may change what `plan_of` says; None when it never will."""
    moments = [standing.next_change(row, now) for row in held.purchases]
    moments += [next_change(held.trial, now)] if held.trial else []
    return min((moment for moment in moments if moment is not None), default=None)


def always_includes(app: App, feature: str) -> bool:
    """Whether every plan includes a feature: then nobody's rows need to be read."""
    return feature in app.catalogue.included_everywhere


async def lapse(app: App, user_id: int, feature: str) -> None:
    """Return as soon as the user's plan does not include the feature any more."""
    held = await held_by(user_id)
    changes = app.trials_changed.changes(
        str(held.trial.id if held.trial else ""),
        app.clock,
        lambda: plan_changes_at(held, app.clock.now()),
        [(app.plans_changed, str(user_id))],
    )
    try:
        async for _ in changes:
            held = await held_by(user_id)
            if not plan_of(app, held, app.clock.now()).includes(feature):
                return
    finally:
        await changes.aclose()
