"""From features to a decision: log-odds with a cap for each family. Pure, for replay and shadow rules."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.fraud.features import Features
from services.fraud.rules import Rules
from services.fraud.signals import SIGNALS, Family, Signal

NOTABLE = 1.0
"""Log-odds from which on a family counts as one that speaks against a sign-up."""
FAMILIES_TO_BLOCK = 2


class Decision(StrEnum):
    """What becomes of a sign-up, in the contract's spelling."""

    ALLOW = "ALLOW"
    LIMIT = "LIMIT"
    CHALLENGE = "CHALLENGE"
    REVIEW = "REVIEW"
    BLOCK = "BLOCK"


@dataclass(frozen=True)
class Reason:
    """A signal that was there, with the log-odds that it adds before its family's cap."""

    signal: Signal
    weight: float

    def as_json(self) -> dict[str, Any]:
        """What is stored and shown to the staff."""
        weight = round(self.weight, 3)
        return {"code": self.signal.code, "weight": weight, "explanation": self.signal.explanation}


@dataclass(frozen=True)
class Verdict:
    """What a rule set makes of a sign-up. `score` is a probability by the rules, not a measured one."""

    decision: Decision
    score: float
    log_odds: float
    reasons: tuple[Reason, ...]
    rules_version: str


def evaluate(features: Features, rules: Rules) -> Verdict:
    """Judge a sign-up. The weightiest reasons come first."""
    reasons = sorted(
        (
            Reason(signal, rules.weights[signal.code] * strength)
            for signal in SIGNALS
            if (strength := signal.strength(features)) > 0
        ),
        key=lambda reason: -abs(reason.weight),
    )
    families = _families(reasons, rules)
    log_odds = rules.prior + sum(families.values())
    decision = Decision.ALLOW if features.listed < 0 else _decide(log_odds, families, reasons, features, rules)
    return Verdict(decision, 1 / (1 + math.exp(-log_odds)), log_odds, tuple(reasons), rules.version)


def _families(reasons: list[Reason], rules: Rules) -> dict[Family, float]:
    """What each family adds, within its cap to both sides."""
    sums: dict[Family, float] = defaultdict(float)
    for reason in reasons:
        sums[reason.signal.family] += reason.weight
    return {family: max(-rules.caps[family], min(rules.caps[family], value)) for family, value in sums.items()}


def _decide(
    log_odds: float, families: dict[Family, float], reasons: list[Reason], features: Features, rules: Rules
) -> Decision:
    steps = rules.thresholds
    if log_odds >= steps.block and _may_block(families, reasons):
        return Decision.BLOCK
    if log_odds >= steps.review:
        return Decision.REVIEW
    if log_odds >= steps.limit:
        return Decision.LIMIT
    if log_odds >= steps.challenge and asked_for(reasons) not in features.proven:
        return Decision.CHALLENGE
    return Decision.ALLOW


def asked_for(reasons: Iterable[Reason]) -> str:
    """The challenge that fits: a code by mail where it is the address, more than anything else, that is doubted."""
    against = [reason for reason in reasons if reason.weight > 0]
    doubted = max(against, key=lambda reason: reason.weight).signal.family if against else None
    return "EMAIL_CODE" if doubted is Family.IDENTITY else "PROOF_OF_WORK"


def _may_block(families: dict[Family, float], reasons: list[Reason]) -> bool:
    """Whether one strong key speaks against a sign-up, or two families do that have nothing to do with each other."""
    strong = any(reason.signal.strong and reason.weight >= NOTABLE for reason in reasons)
    return strong or sum(value >= NOTABLE for value in families.values()) >= FAMILIES_TO_BLOCK
