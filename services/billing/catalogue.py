"""The catalogue of plans, read from `plans.yaml` at start."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from models.trials import EndPolicy

CATALOGUE_FILE = Path(__file__).resolve().parents[2] / "plans.yaml"
LARGEST_QUANTITY = 2**53
"""Quantities are exact in a float up to here: what clients get."""
UNLIMITED = "unlimited"


class BillingInterval(StrEnum):
    """How often a plan is paid."""

    MONTH = "MONTH"
    YEAR = "YEAR"


class Window(StrEnum):
    """How long a meter counts before it begins anew. Days and months are those of the calendar, in UTC."""

    DAY = "DAY"
    MONTH = "MONTH"
    NONE = "NONE"


class CatalogueError(Exception):
    """The plan file says something that cannot be sold. The message names the plan and the field."""


@dataclass(frozen=True)
class Meter:
    """Something that is counted. `self_reported` ones are reported by users themselves."""

    key: str
    name: str
    window: Window
    self_reported: bool


@dataclass(frozen=True)
class Feature:
    """What a plan includes. `limit` is a quantity for each window of its meter, None where there is no limit."""

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
    """All plans and meters by key, in the file's order.

    A trial gives `trial_plan`, and what follows is `trial_end`; who has no other plan has `base_plan`.
    """

    plans: dict[str, Plan]
    trial_plan: Plan
    trial_end: TrialEnd
    base_plan: Plan
    meters: dict[str, Meter]


def read_catalogue(path: Path = CATALOGUE_FILE) -> Catalogue:
    """The catalogue in `path`. Raises CatalogueError."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _catalogue(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"{path.name}: {type(error).__name__}: {error}") from error


def _catalogue(document: dict[str, Any]) -> Catalogue:
    trial = document["trial"]
    _require_different("plan", document["plans"])
    _require_different("meter", document.get("meters", []))
    meters = {entry["key"]: _meter(entry) for entry in document.get("meters", [])}
    plans = {entry["key"]: _plan(entry, trial, meters) for entry in document["plans"]}
    trial_plan, base_plan = _named(plans, "trial.plan", trial["plan"]), _named(plans, "base", document["base"])
    if trial_plan.trial_days < 1:
        raise ValueError("trial.days: the trial lasts at least one day")
    return Catalogue(plans, trial_plan, _trial_end(trial, plans), base_plan, meters)


def _trial_end(trial: dict[str, Any], plans: dict[str, Plan]) -> TrialEnd:
    end = TrialEnd(EndPolicy(str(trial["at_end"]).upper()), trial.get("revert_to"))
    if end.policy is EndPolicy.REVERT and end.revert_to is None:
        raise ValueError("trial.revert_to: the plan to revert to is missing")
    if end.revert_to is not None and any(plans[end.revert_to].prices.values()):
        raise ValueError("trial.revert_to: a plan that costs nothing would be right")
    return end


def _require_different(kind: str, entries: list[dict[str, Any]]) -> None:
    if len({entry["key"] for entry in entries}) != len(entries):
        raise ValueError(f"two {kind}s have the same key")


def _named(plans: dict[str, Plan], field: str, key: str) -> Plan:
    if key not in plans:
        raise ValueError(f"{field}: there is no plan {key}")
    return plans[key]


def _meter(entry: dict[str, Any]) -> Meter:
    field = f"meters.{entry['key']}"
    if entry.get("window") not in set(Window):
        raise ValueError(f"{field}.window: DAY, MONTH or NONE would be right")
    if entry.get("self_reported") not in {True, False}:
        raise ValueError(f"{field}.self_reported: true or false would be right")
    return Meter(str(entry["key"]), str(entry["name"]), Window(entry["window"]), bool(entry["self_reported"]))


def _plan(entry: dict[str, Any], trial: dict[str, Any], meters: dict[str, Meter]) -> Plan:
    prices = {str(currency): amount for currency, amount in entry["price"].items()}
    if not prices or not all(isinstance(amount, int) and amount >= 0 for amount in prices.values()):
        raise ValueError(f"{entry['key']}.price: minor units by currency would be right")
    features = entry["features"].items()
    return Plan(
        key=str(entry["key"]),
        name=str(entry["name"]),
        description=str(entry["description"]),
        interval=BillingInterval(entry["interval"]),
        trial_days=int(trial["days"]) if entry["key"] == trial["plan"] else 0,
        prices=prices,
        features=tuple(_feature(f"{entry['key']}.features.{key}", key, value, meters) for key, value in features),
    )


def _feature(field: str, key: str, value: object, meters: dict[str, Meter]) -> Feature:
    if value is False:
        return Feature(key, enabled=False, limit=0 if key in meters else None)
    if key not in meters:
        if value is not True:
            raise ValueError(f"{field}: true or false would be right, for there is no meter {key}")
        return Feature(key, enabled=True, limit=None)
    if value == UNLIMITED:
        return Feature(key, enabled=True, limit=None)
    if not isinstance(value, int) or value is True or not 0 <= value <= LARGEST_QUANTITY:
        raise ValueError(f"{field}: a number from 0 to 2^53, {UNLIMITED} or false would be right")
    return Feature(key, enabled=value > 0, limit=value)
