"""What models cost: `model-prices.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

import yaml

from core.strict_yaml import read_yaml
from services.billing.model_budgets import dollars

PRICES_FILE = Path(__file__).resolve().parents[2] / "model-prices.yaml"
OTHER = "other"


class PricesError(Exception):
    """The file says something that is no price. The message names the model and the field."""


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens; which is millionths of a dollar for one."""

    input: Decimal
    output: Decimal

    def most(self, tokens: int) -> int:
        """Millionths of a dollar that so many tokens cost at most, rounded up."""
        return _whole(tokens * max(self.input, self.output))

    def of(self, input_tokens: int, output_tokens: int) -> int:
        """Millionths of a dollar that a question and its answer cost, rounded up."""
        return _whole(input_tokens * self.input + output_tokens * self.output)


@dataclass(frozen=True)
class Prices:
    """Prices by model; `other` is that of all that are not listed."""

    models: dict[str, Price]
    other: Price

    def of(self, model: str) -> Price:
        """The price of a model."""
        return self.models.get(model, self.other)

    def label(self, model: str) -> str:
        """The model's name where it is listed: metrics know no others."""
        return model if model in self.models else OTHER


def read_prices(path: Path = PRICES_FILE) -> Prices:
    """The prices in `path`. Raises PricesError."""
    try:
        document = read_yaml(path)
        models = {str(name): _price(given, str(name)) for name, given in document["models"].items()}
        return Prices(models, _price(document[OTHER], OTHER))
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise PricesError(f"{path.name}: {type(error).__name__}: {error}") from error


def _price(given: dict[str, Any], model: str) -> Price:
    return Price(dollars(given["input"], f"{model}.input"), dollars(given["output"], f"{model}.output"))


def _whole(micros: Decimal) -> int:
    return int(micros.to_integral_value(ROUND_CEILING))
