"""Money: whole minor units with a currency, never a float; written for people by Babel."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

ZERO_DECIMALS = frozenset({
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
})  # fmt: skip
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Currencies whose minor unit is not a hundredth, by the provider's list: ISO 4217's and CLDR's differ from it."""
STEPS = {**dict.fromkeys(THREE_DECIMALS, 10), "ISK": 100, "UGX": 100}
"""Minor units that a charge is a multiple of, where that is not one: the provider charges no 0.001 KWD."""
FALLBACK = "en"


def digits(currency: str) -> int:
    """Decimal places of an amount in its major unit: 1900 is 19.00 EUR, 1900 JPY and 1.900 KWD."""
    if currency in ZERO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def step(currency: str) -> int:
    """Minor units that every charge is a multiple of."""
    return STEPS.get(currency, 1)


def formatted(amount: int, currency: str, locale: str | None = None) -> str:
    """An amount as people read it where `locale`, a BCP 47 tag, is spoken; in English for a tag that nobody knows."""
    from babel.numbers import format_currency  # ruff: ignore[import-outside-top-level] -- start time

    known = _known(locale)
    fraction = f".{'0' * digits(currency)}".removesuffix(".")
    pattern = known.currency_formats["standard"].pattern.replace(".00", fraction)
    value = Decimal(amount).scaleb(-digits(currency))
    return format_currency(value, currency, format=pattern, locale=known, currency_digits=False)


def _known(locale: str | None) -> Locale:
    from babel import Locale, UnknownLocaleError  # ruff: ignore[import-outside-top-level] -- start time

    try:
        return Locale.parse((locale or FALLBACK).replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(FALLBACK)
