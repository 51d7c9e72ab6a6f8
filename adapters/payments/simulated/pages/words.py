"""Amounts, days and cards as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.payments.simulated import money

if TYPE_CHECKING:
    from adapters.payments.simulated.faults import StripeFault
    from adapters.payments.simulated.store import Document

WHOLE = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # ruff: ignore[split-static-string] -- shorter
"""Currencies whose smallest unit is the whole one, for Stripe."""
THOUSANDTHS = tuple(currency for currency, step in money.SMALLEST.items() if step == 10)  # ruff: ignore[magic-value-comparison] -- three decimals, the last one zero
PROBLEMS = {
    "authentication_failed": "The bank could not see that it is you. Try again, or use another card.",
    "expired_card": "This card has expired.",
    "generic_decline": "The bank declined this card. Use another one.",
    "incorrect_number": "This is not the number of a card.",
    "insufficient_funds": "There is not enough money behind this card. Use another one.",
    "invalid_cvc": "The security code has three or four digits.",
    "invalid_expiry_month": "This card has expired, or its month is not one of the twelve.",
    "invalid_expiry_year": "This card has expired, or its year is too far away.",
    "parameter_missing": "Fill in number, expiry and security code.",
    "test_mode_live_card": "Only test cards work here: no card of anybody's is ever taken.",
}


def amount(value: int, currency: str) -> str:
    """Minor units as a number with the currency's three letters."""
    places = 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2
    whole, rest = divmod(abs(value), 10**places)
    text = f"{whole:,}.{rest:0{places}d}" if places else f"{whole:,}"
    return f"{'-' if value < 0 else ''}{text} {currency.upper()}"


def day(moment: int) -> str:
    """The day of a moment, in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%-d %B %Y}"


def every(recurring: Document) -> str:
    """How often something is due."""
    count, interval = recurring["interval_count"], recurring["interval"]
    return f"a {interval}" if count == 1 else f"every {count} {interval}s"


def card(method: Document) -> str:
    """A card without its number."""
    found = method["card"]
    return f"{found['brand'].title()} •••• {found['last4']}, {found['exp_month']:02d}/{found['exp_year'] % 100:02d}"


def problem(fault: StripeFault) -> str:
    """What went wrong, for who holds the card."""
    error = fault.content["error"]
    named = PROBLEMS.get(error.get("decline_code", "")) or PROBLEMS.get(error.get("code", ""))
    return named or str(error["message"])
