"""What a plan lets people spend on vendors' models in a day: the `model-budget` of its entry in `plans.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MOST_TOKENS = 10**12
MOST_DOLLARS = 10**6


@dataclass(frozen=True)
class Allowance:
    """Tokens, and millionths of a US dollar, a day in UTC: whichever is used up first ends it."""

    tokens: int
    micros: int

    def part(self, percent: int) -> Allowance:
        """So many hundredths of it, rounded up."""
        return Allowance(-(-self.tokens * percent // 100), -(-self.micros * percent // 100))


@dataclass(frozen=True)
class ModelBudget:
    """What one person may spend, and everybody on the plan together."""

    user: Allowance
    everybody: Allowance


UNSAID = ModelBudget(Allowance(100_000, 250_000), Allowance(10_000_000, 25_000_000))
"""Of a plan that has no `model-budget`."""


def read_budget(given: object, field: str) -> ModelBudget:
    """The budget as the file has it, UNSAID where it has none. Raises ValueError that names the field."""
    if given is None:
        return UNSAID
    if not isinstance(given, dict) or given.keys() != {"user", "everybody"}:
        raise ValueError(f"{field}: user and everybody, each with tokens and usd, would be right")
    return ModelBudget(*(_allowance(given[who], f"{field}.{who}") for who in ("user", "everybody")))


def _allowance(given: Any, field: str) -> Allowance:
    if not isinstance(given, dict) or given.keys() != {"tokens", "usd"}:
        raise ValueError(f"{field}: tokens and usd would be right")
    tokens = given["tokens"]
    if type(tokens) is not int or not 0 <= tokens <= MOST_TOKENS:
        raise ValueError(f"{field}.tokens: a whole number from 0 to {MOST_TOKENS} would be right")
    return Allowance(tokens, int(dollars(given["usd"], f"{field}.usd") * 1_000_000))


def dollars(given: object, field: str) -> Decimal:
    """An amount of US dollars, as it is written. Raises ValueError that names the field."""
    amount = Decimal(str(given)) if type(given) in {int, float} else Decimal("NaN")
    if not (amount.is_finite() and 0 <= amount <= MOST_DOLLARS):
        raise ValueError(f"{field}: dollars from 0 to {MOST_DOLLARS} would be right")
    return amount
