"""Payment methods that need no memory: an id says which card it stands for, so it outlives a restart.

`pm_card_NAME` is the test card of that name, and a card of its own for a name that Stripe does not have. One that was
made by a request carries when it was made, the card's expiry, something random and the card's name.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.payments.simulated import cards, faults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from adapters.payments.simulated.cards import Plastic

ID = re.compile(
    rf"pm_(?:card|([0-9a-f]{{8}})(\d{{4}})(0[1-9]|1[0-2])[0-9a-f]{{8}})_(\w{{1,{cards.LONGEST_NAME}}})", re.ASCII
)
MADE, EXPIRES = 1_577_836_800, (2040, 12)
"""Of what nobody has made: the first second of 2020, in Unix time, and a year and month far away."""
PARAMETERS = {"type", "card[number]", "card[exp_month]", "card[exp_year]", "card[cvc]", "card[token]"}
CENTURY = 2_000
TOKENS = "tok_"


@dataclass(frozen=True)
class Method:
    """A payment method. `expires` is a year and a month."""

    id: str
    card: Plastic
    made: int = MADE
    expires: tuple[int, int] = EXPIRES


def found(method_id: str) -> Method:
    """The payment method of an id. Raises StripeFault."""
    match = ID.fullmatch(method_id)
    if match is None:
        raise faults.missing("PaymentMethod", method_id)
    made, year, month, name = match.groups()
    card = cards.named(name)
    return Method(method_id, card, int(made, 16), (int(year), int(month))) if made else Method(method_id, card)


def created(form: Mapping[str, str], now: datetime) -> Method:
    """A new payment method from what a form says. Raises StripeFault."""
    for name in sorted(form.keys() - PARAMETERS):
        raise faults.bad_parameter("parameter_unknown", name)
    if _given(form, "type") != "card":
        raise faults.bad_parameter("parameter_invalid", "type")
    if "card[token]" in form:
        card, expires = _of_token(form["card[token]"]), EXPIRES
    else:
        card, expires = _of_number(form), _expiry(form, now)
    if not re.fullmatch(r"\d{3,4}", form.get("card[cvc]", "000"), re.ASCII):
        raise faults.bad_card("invalid_cvc", "cvc")
    made = int(now.timestamp())
    year, month = expires
    return Method(f"pm_{made:08x}{year:04d}{month:02d}{secrets.token_hex(4)}_{card.name}", card, made, expires)


def content(method: Method) -> dict[str, Any]:
    """The PaymentMethod object of API version 2026-10-28."""
    year, month = method.expires
    card = method.card
    return {
        "id": method.id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": dict.fromkeys(("address", "email", "name", "phone", "tax_id")),
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "unchecked"},
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": month,
            "exp_year": year,
            "fingerprint": card.fingerprint,
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": method.made,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def _given(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise faults.bad_parameter("parameter_missing", name)
    return form[name]


def _of_token(token: str) -> Plastic:
    match = re.fullmatch(rf"{TOKENS}(\w{{1,{cards.LONGEST_NAME}}})", token, re.ASCII)
    if match is None:
        raise faults.missing("token", token)
    return cards.named(match[1])


def _of_number(form: Mapping[str, str]) -> Plastic:
    """A test card. A number that may be somebody's is refused, as in Stripe's test mode."""
    number = _given(form, "card[number]").replace(" ", "")
    if not cards.is_number(number):
        raise faults.bad_card("incorrect_number", "number")
    if number not in cards.BY_NUMBER:
        raise faults.bad_card("card_declined", "number", decline_code="test_mode_live_card")
    return cards.BY_NUMBER[number]


def _expiry(form: Mapping[str, str], now: datetime) -> tuple[int, int]:
    month, year = _number(_given(form, "card[exp_month]")), _number(_given(form, "card[exp_year]"))
    year += CENTURY if year < CENTURY // 20 else 0
    if month not in range(1, 13):
        raise faults.bad_card("invalid_expiry_month", "exp_month")
    if year not in range(now.year, now.year + 51):
        raise faults.bad_card("invalid_expiry_year", "exp_year")
    if (year, month) < (now.year, now.month):
        raise faults.bad_card("invalid_expiry_month", "exp_month")
    return year, month


def _number(raw: str) -> int:
    return int(raw) if re.fullmatch(r"\d{1,4}", raw, re.ASCII) else 0
