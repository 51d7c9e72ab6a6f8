"""Plans as tests need them: the catalogue with other limits and features."""

from dataclasses import replace
from itertools import starmap
from typing import Any

from services.billing import Feature, Plan
from tests.porchlight import Porchlight


def changed(plan: Plan, values: dict[str, Any]) -> Plan:
    """A plan with these features in place of its own: true, false, a number, or unlimited."""
    kept = [feature for feature in plan.features if feature.key not in values]
    return replace(plan, features=(*kept, *starmap(_feature, values.items())))


def limits(porchlight: Porchlight, plan: str | None = None, /, **values: Any) -> None:
    """Give a plan, or all of them, other features; meters are named by their keys."""
    app, catalogue = porchlight.app, porchlight.app.catalogue
    plans = {key: changed(each, values) if plan in {None, key} else each for key, each in catalogue.plans.items()}
    trial_plan, base_plan = plans[catalogue.trial_plan.key], plans[catalogue.base_plan.key]
    app.catalogue = replace(catalogue, plans=plans, trial_plan=trial_plan, base_plan=base_plan)


def _feature(key: str, value: Any) -> Feature:
    if isinstance(value, bool):
        return Feature(key, enabled=value, limit=None)
    return Feature(key, enabled=value != 0, limit=None if value == "unlimited" else value)
