"""The catalogue of plans, read from `plans.yaml` at start."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import starmap
from pathlib import Path
from typing import Any

import yaml

from models.trials import EndPolicy

CATALOGUE_FILE = Path(__file__).resolve().parent.parent / "plans.yaml"


class BillingInterval(StrEnum):
    """How often a plan is paid."""

    MONTH = "MONTH"
    YEAR = "YEAR"


class CatalogueError(Exception):
    """The plan file says something that cannot be sold. The message names the plan and the field."""


@dataclass(frozen=True)
class Feature:
    """What a plan includes. `limit` is a quantity for each interval, None where it is not metered."""

    key: str
    enabled: bool
    limit: int | None


@dataclass(frozen=True)
class Plan:
    """One product at one interval. `prices` are minor units by currency, the default currency first."""

    key: str
    name: str
    description: str
    interval: BillingInterval
    trial_days: int
    prices: dict[str, int]
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class TrialEnd:
    """What follows a trial of a plan: the policy, and the key of the plan that is left when the trial's is not."""

    policy: EndPolicy
    revert_to: str | None


@dataclass(frozen=True)
class Catalogue:
    """All plans by key, in the file's order, the one that a trial gives, and what follows the trial."""

    plans: dict[str, Plan]
    trial_plan: Plan
    trial_end: TrialEnd


def read_catalogue(path: Path = CATALOGUE_FILE) -> Catalogue:
    """The catalogue in `path`. Raises CatalogueError."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        trial = document["trial"]
        plans = [_plan(entry, trial) for entry in document["plans"]]
        by_key = {plan.key: plan for plan in plans}
        catalogue = Catalogue(by_key, by_key[trial["plan"]], _trial_end(trial, by_key))
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"{path.name}: {type(error).__name__}: {error}") from error
    if len(by_key) != len(plans):
        raise CatalogueError(f"{path.name}: two plans have the same key")
    if catalogue.trial_plan.trial_days < 1:
        raise CatalogueError(f"{path.name}: the trial lasts at least one day")
    return catalogue


def _trial_end(trial: dict[str, Any], plans: dict[str, Plan]) -> TrialEnd:
    end = TrialEnd(EndPolicy(str(trial["at_end"]).upper()), trial.get("revert_to"))
    if end.policy is EndPolicy.REVERT and end.revert_to is None:
        raise ValueError("trial.revert_to: the plan to revert to is missing")
    if end.revert_to is not None and any(plans[end.revert_to].prices.values()):
        raise ValueError("trial.revert_to: a plan that costs nothing would be right")
    return end


def _plan(entry: dict[str, Any], trial: dict[str, Any]) -> Plan:
    prices = {str(currency): amount for currency, amount in entry["price"].items()}
    if not prices or not all(isinstance(amount, int) and amount >= 0 for amount in prices.values()):
        raise ValueError(f"{entry['key']}.price: minor units by currency would be right")
    return Plan(
        key=str(entry["key"]),
        name=str(entry["name"]),
        description=str(entry["description"]),
        interval=BillingInterval(entry["interval"]),
        trial_days=int(trial["days"]) if entry["key"] == trial["plan"] else 0,
        prices=prices,
        features=tuple(starmap(_feature, entry["features"].items())),
    )


def _feature(key: str, value: bool | int) -> Feature:  # ruff: ignore[boolean-type-hint-positional-argument] -- YAML says true or a number
    if isinstance(value, bool):
        return Feature(key, enabled=value, limit=None)
    return Feature(key, enabled=value > 0, limit=int(value))
