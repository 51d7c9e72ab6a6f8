"""Rule sets: weights, caps and thresholds, read from a file at start and told apart by their version."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from services.fraud.signals import SIGNALS, Family

RULES_FILE = Path(__file__).resolve().parent.parent.parent / "fraud-rules.yaml"
LONGEST_VERSION = 32


class RulesError(Exception):
    """The file of rules cannot be used. The message names the file and the entry."""


@dataclass(frozen=True)
class Thresholds:
    """Log-odds from which on each decision is taken, in rising order."""

    challenge: float
    limit: float
    review: float
    block: float


@dataclass(frozen=True)
class Rules:
    """One rule set. Weights and caps are log-odds; `limited_quota` is in percent of a plan's quotas."""

    version: str
    prior: float
    thresholds: Thresholds
    caps: dict[Family, float]
    weights: dict[str, float]
    limited_quota: int


def read_rules(path: Path = RULES_FILE) -> Rules:
    """The rule set in `path`. Raises RulesError."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        rules = Rules(
            version=str(document["version"]),
            prior=_number(document["prior"]),
            thresholds=Thresholds(**{name: _number(value) for name, value in document["thresholds"].items()}),
            caps={family: _number(document["caps"][family]) for family in Family},
            weights={str(code): _number(weight) for code, weight in document["weights"].items()},
            limited_quota=int(document["limited_quota"]),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RulesError(f"{path.name}: {type(error).__name__}: {error}") from error
    _check(path, rules)
    return rules


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is no finite number")
    return number


def _check(path: Path, rules: Rules) -> None:
    if not 1 <= len(rules.version) <= LONGEST_VERSION:
        raise RulesError(f"{path.name}: version has from 1 to {LONGEST_VERSION} characters")
    if wrong := rules.weights.keys() ^ {signal.code for signal in SIGNALS}:
        raise RulesError(f"{path.name}: weights: {', '.join(sorted(wrong))}: missing, or no signal of ours")
    steps = rules.thresholds
    if not steps.challenge <= steps.limit <= steps.review <= steps.block:
        raise RulesError(f"{path.name}: thresholds: they rise from challenge to block")
    if not 1 <= rules.limited_quota < 100:  # ruff: ignore[magic-value-comparison] -- percent
        raise RulesError(f"{path.name}: limited_quota: from 1 to 99 would be right")
    if any(cap < 0 for cap in rules.caps.values()):
        raise RulesError(f"{path.name}: caps: none is below 0")
