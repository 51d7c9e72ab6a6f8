"""The catalogue of plans, read from `plans.yaml` at start."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from core.strict_yaml import read_yaml
from models.trials import EndPolicy
from services.billing import money
from services.billing.model_budgets import UNSAID, ModelBudget, read_budget

CATALOGUE_FILE = Path(__file__).resolve().parents[2] / "plans.yaml"
LARGEST_QUANTITY = 2**53
"""Quantities are exact in a float up to here: what clients get."""
UNLIMITED = "unlimited"
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
LARGEST_AMOUNT = 99_999_999
"""Minor units of a price: the provider charges no more."""


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
    """One product at one interval. `prices` are minor units by currency, the default currency first.

    Nobody can buy a `retired` one any more; who has it keeps it.
    """

    key: str
    name: str
    description: str
    interval: BillingInterval
    trial_days: int
    prices: dict[str, int]
    features: tuple[Feature, ...]
    retired: bool = False
    line: str = ""
    """What its intervals have in common: buying any plan of the line is buying what the trial was of."""
    model_budget: ModelBudget = UNSAID

    def __post_init__(self) -> None:
        if not self.line:
            object.__setattr__(self, "line", self.key)

    @property
    def costs(self) -> bool:
        """Whether it is paid for at all."""
        return any(self.prices.values())

    def lookup_key(self, currency: str) -> str:
        """The name that the provider knows the price in this currency by: it moves to a new price with the amount."""
        return f"{self.key}:{currency.lower()}"


@dataclass(frozen=True)
class TrialEnd:
    """What follows a trial of a plan: the policy, and the key of the plan that is left when the trial's is not."""

    policy: EndPolicy
    revert_to: str | None


@dataclass(frozen=True)
class Catalogue:
    """All plans and meters by key, in the file's order. `version` is the file's own count of its changes.

    A trial gives `trial_plan`, and what follows is `trial_end`; who has no other plan has `base_plan`.
    """

    plans: dict[str, Plan]
    trial_plan: Plan
    trial_end: TrialEnd
    base_plan: Plan
    meters: dict[str, Meter]
    version: int = 1

    @property
    def sold(self) -> list[Plan]:
        """The plans that people can still choose."""
        return [plan for plan in self.plans.values() if not plan.retired]

    @cached_property
    def included_everywhere(self) -> frozenset[str]:
        """The features that every plan includes."""
        included = [{feature.key for feature in plan.features if feature.enabled} for plan in self.plans.values()]
        return frozenset(set.intersection(*included))

    def of_lookup_key(self, lookup_key: str | None) -> Plan | None:
        """The plan that a price of the provider belongs to, by the price's lookup key."""
        return self.plans.get((lookup_key or "").partition(":")[0])


def read_catalogue(path: Path = CATALOGUE_FILE) -> Catalogue:
    """The catalogue in `path`. Raises CatalogueError."""
    try:
        return _catalogue(read_yaml(path))
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
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
    for field, plan in (("trial.plan", trial_plan), ("base", base_plan)):
        if plan.retired:
            raise ValueError(f"{field}: {plan.key} is retired")
    return Catalogue(plans, trial_plan, _trial_end(trial, plans), base_plan, meters, _version(document["version"]))


def _version(given: object) -> int:
    if type(given) is not int or given < 1:
        raise ValueError("version: a whole number from 1 on would be right")
    return given


def _trial_end(trial: dict[str, Any], plans: dict[str, Plan]) -> TrialEnd:
    end = TrialEnd(EndPolicy(str(trial["at_end"]).upper()), trial.get("revert_to"))
    if end.policy is EndPolicy.REVERT and end.revert_to is None:
        raise ValueError("trial.revert_to: the plan to revert to is missing")
    if end.revert_to is not None and plans[end.revert_to].costs:
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
    if not KEY.fullmatch(str(entry["key"])):
        raise ValueError(f"{entry['key']}: small letters, digits and hyphens make a key")
    features = entry["features"].items()
    return Plan(
        key=str(entry["key"]),
        name=str(entry["name"]),
        description=str(entry["description"]),
        interval=BillingInterval(entry["interval"]),
        trial_days=int(trial["days"]) if entry["key"] == trial["plan"] else 0,
        prices=_prices(entry["price"], f"{entry['key']}.price"),
        features=tuple(_feature(f"{entry['key']}.features.{key}", key, value, meters) for key, value in features),
        retired=_switch(entry.get("retired", False), f"{entry['key']}.retired"),
        line=_line(entry),
        model_budget=read_budget(entry.get("model-budget"), f"{entry['key']}.model-budget"),
    )


def _line(entry: dict[str, Any]) -> str:
    line = str(entry.get("line", entry["key"]))
    if not KEY.fullmatch(line):
        raise ValueError(f"{entry['key']}.line: small letters, digits and hyphens make a key")
    return line


def _prices(given: dict[str, Any], field: str) -> dict[str, int]:
    prices = {
        str(currency): _amount(amount, str(currency), f"{field}.{currency}") for currency, amount in given.items()
    }
    if not prices:
        raise ValueError(f"{field}: minor units by currency would be right")
    if len({amount > 0 for amount in prices.values()}) > 1:
        raise ValueError(f"{field}: a plan is free in every currency or in none")
    return prices


def _amount(amount: object, currency: str, field: str) -> int:
    if not CURRENCY.fullmatch(currency):
        raise ValueError(f"{field}: a currency of ISO 4217 such as EUR would be right")
    if type(amount) is not int or not 0 <= amount <= LARGEST_AMOUNT:
        raise ValueError(f"{field}: whole minor units from 0 to {LARGEST_AMOUNT} would be right")
    if amount % money.step(currency):
        raise ValueError(f"{field}: a multiple of {money.step(currency)} would be right")
    return amount


def _switch(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{field}: true or false would be right")
    return value


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
