"""The catalogue of plans, read from `plans.yaml` at start."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import starmap
from pathlib import Path
from typing import Any

import yaml

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
class Catalogue:
    """All plans by key, in the file's order, and the one that a trial gives."""

    plans: dict[str, Plan]
    trial_plan: Plan


def read_catalogue(path: Path = CATALOGUE_FILE) -> Catalogue:
    """The catalogue in `path`. Raises CatalogueError."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        trial = document["trial"]
        plans = [_plan(entry, trial) for entry in document["plans"]]
        by_key = {plan.key: plan for plan in plans}
        catalogue = Catalogue(by_key, by_key[trial["plan"]])
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"{path.name}: {type(error).__name__}: {error}") from error
    if len(by_key) != len(plans):
        raise CatalogueError(f"{path.name}: two plans have the same key")
    if catalogue.trial_plan.trial_days < 1:
        raise CatalogueError(f"{path.name}: the trial lasts at least one day")
    return catalogue


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
