"""The cards of a world without money: Stripe's test cards by name and number, and any other name that one thinks of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

LONGEST_NAME = 64


@dataclass(frozen=True)
class Decline:
    """Why a card does not pay. One that is declined `at_once` cannot even be attached."""

    reason: str
    at_once: bool = True
    code: str = "card_declined"


@dataclass(frozen=True)
class Plastic:
    """A card. `source` is what its fingerprint is derived from; `asks` says that its bank wants 3-D Secure."""

    name: str
    source: str
    last4: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    asks: bool = False

    @property
    def fingerprint(self) -> str:
        """16 characters that stay the same in every process and after every start."""
        return _digest(self.source)[:16]


def _numbered(
    name: str,
    number: str,
    brand: str = "visa",
    funding: str = "credit",
    country: str = "US",
    *,
    decline: Decline | None = None,
    asks: bool = False,
) -> Plastic:
    return Plastic(name, number, number[-4:], brand, funding, country, decline, asks)


TEST_CARDS = (
    _numbered("visa", "4242424242424242"),
    _numbered("visa_debit", "4000056655665556", funding="debit"),
    _numbered("mastercard", "5555555555554444", "mastercard"),
    _numbered("mastercard_debit", "5200828282828210", "mastercard", "debit"),
    _numbered("mastercard_prepaid", "5105105105105100", "mastercard", "prepaid"),
    _numbered("amex", "378282246310005", "amex"),
    _numbered("discover", "6011111111111117", "discover"),
    _numbered("diners", "3056930009020004", "diners"),
    _numbered("jcb", "3566002020360505", "jcb", country="JP"),
    _numbered("unionpay", "6200000000000005", "unionpay", country="CN"),
    _numbered("at", "4000000400000008", country="AT"),
    _numbered("de", "4000002760000016", country="DE"),
    _numbered("fr", "4000002500000003", country="FR"),
    _numbered("gb", "4000008260000000", country="GB"),
    # These can be made into payment methods, as with Stripe: they fail at what is done with them later.
    _numbered("visa_chargeDeclined", "4000000000000002", decline=Decline("generic_decline")),
    _numbered("visa_chargeDeclinedInsufficientFunds", "4000000000009995", decline=Decline("insufficient_funds")),
    _numbered(
        "visa_chargeDeclinedExpiredCard", "4000000000000069", decline=Decline("expired_card", code="expired_card")
    ),
    _numbered("chargeCustomerFail", "4000000000000341", decline=Decline("generic_decline", at_once=False)),
    _numbered("authenticationRequired", "4000002760003184", country="DE", asks=True),
    _numbered("threeDSecure2Required", "4000000000003220", asks=True),
    _numbered("threeDSecureRequired", "4000000000003063", asks=True),
    _numbered("authenticationRequiredOnSetup", "4000002500003155", country="FR", asks=True),
)
BY_NAME = {card.name: card for card in TEST_CARDS}
ALIASES = {"chargeDeclined": "visa_chargeDeclined"}
"""Other names of the same cards."""
BY_NUMBER = {card.source: card for card in TEST_CARDS}


def named(name: str) -> Plastic:
    """The test card of that name; for any other name a card of its own, the same each time."""
    name = ALIASES.get(name, name)
    if name in BY_NAME:
        return BY_NAME[name]
    source = f"name:{name}"
    return Plastic(name, source, f"{int(_digest(source)[16:], 16) % 10_000:04d}")


def is_number(digits: str) -> bool:
    """Whether digits can be a card's: ISO/IEC 7812-1, annex B."""
    if not (digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19):  # ruff: ignore[magic-value-comparison] -- the standard's
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0  # ruff: ignore[magic-value-comparison] -- the standard's


def _digest(source: str) -> str:
    return hashlib.sha256(f"simulated-card\0{source}".encode()).hexdigest()
