"""Payment methods that need no memory: an id says which card it stands for, so it outlives a restart.

`pm_card_NAME` is the test card of that name, and a card of its own for a name that Stripe does not have. One that was
made by a request carries when it was made, the card's expiry, something random and the card's name.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from adapters.payments.simulated import cards, faults

if TYPE_CHECKING:
    from adapters.payments.simulated.cards import Plastic
    from adapters.payments.simulated.forms import Form

ID = re.compile(
    rf"pm_(?:card|([0-9a-f]{{8}})(\d{{4}})(0[1-9]|1[0-2])[0-9a-f]{{8}})_(\w{{1,{cards.LONGEST_NAME}}})", re.ASCII
)
MADE, EXPIRES = 1_577_836_800, (2040, 12)
"""Of what nobody has made: the first second of 2020, in Unix time, and a year and month far away."""
TEMPLATE = "pm_card_"
CENTURY = 2_000
TOKENS = "tok_"

Document = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """A payment method. `expires` is a year and a month."""

    id: str
    card: Plastic
    made: int = MADE
    expires: tuple[int, int] = EXPIRES


def found(method_id: str, param: str = "payment_method") -> Method:
    """The payment method of an id. Raises StripeFault, which names the parameter."""
    match = ID.fullmatch(method_id)
    if match is None:
        raise faults.missing("PaymentMethod", method_id, param)
    made, year, month, name = match.groups()
    card = cards.named(name)
    return Method(method_id, card, int(made, 16), (int(year), int(month))) if made else Method(method_id, card)


def created(form: Form, now: int) -> Method:
    """A new payment method from what a form says. Raises StripeFault."""
    if form.need("type") != "card":
        raise faults.bad_parameter("parameter_invalid", "type")
    card_form = form.child("card")
    if card_form is None:
        raise faults.bad_parameter("parameter_missing", "card[number]")
    if card_form.has("token"):
        card, expires = _of_token(card_form.need("token")), EXPIRES
    else:
        card, expires = _of_number(card_form), _expiry(card_form, now)
    if not re.fullmatch(r"\d{3,4}", card_form.text("cvc") or "000", re.ASCII):
        raise faults.bad_card("invalid_cvc", "cvc")
    return Method(_named(card.name, now, expires), card, now, expires)


def is_template(method_id: str) -> bool:
    """Whether an id is a test card's name, which customers get copies of."""
    return method_id.startswith(TEMPLATE)


def copied(method_id: str, now: int) -> str:
    """The id of a payment method with the card of another."""
    method = found(method_id)
    return _named(method.card.name, now, method.expires)


def decline_of(method: Document, occasion: str) -> tuple[str, str] | None:
    """Why the card is declined when it is attached, or charged: a code and its reason; None when it is not."""
    decline = plastic(method["id"]).decline
    if decline is None or (occasion == "attach" and not decline.at_once):
        return None
    return decline.code, decline.reason


def plastic(method_id: str) -> Plastic:
    """The card that an id names in its last part."""
    return cards.named(method_id.split("_", 2)[2])


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


def _named(card: str, now: int, expires: tuple[int, int]) -> str:
    return f"pm_{now:08x}{expires[0]:04d}{expires[1]:02d}{secrets.token_hex(4)}_{card}"


def _of_token(token: str) -> Plastic:
    match = re.fullmatch(rf"{TOKENS}(\w{{1,{cards.LONGEST_NAME}}})", token, re.ASCII)
    if match is None:
        raise faults.missing("token", token)
    return cards.named(match[1])


def _of_number(form: Form) -> Plastic:
    """A test card. A number that may be somebody's is refused, as in Stripe's test mode."""
    number = form.need("number").replace(" ", "")
    if not cards.is_number(number):
        raise faults.bad_card("incorrect_number", "number")
    if number not in cards.BY_NUMBER:
        raise faults.bad_card("card_declined", "number", decline_code="test_mode_live_card")
    return cards.BY_NUMBER[number]


def _expiry(form: Form, now: int) -> tuple[int, int]:
    today = datetime.fromtimestamp(now, UTC)
    month, year = _number(form.need("exp_month")), _number(form.need("exp_year"))
    year += CENTURY if year < CENTURY // 20 else 0
    if month not in range(1, 13):
        raise faults.bad_card("invalid_expiry_month", "exp_month")
    if year not in range(today.year, today.year + 51):
        raise faults.bad_card("invalid_expiry_year", "exp_year")
    if (year, month) < (today.year, today.month):
        raise faults.bad_card("invalid_expiry_month", "exp_month")
    return year, month


def _number(raw: str) -> int:
    return int(raw) if re.fullmatch(r"\d{1,4}", raw, re.ASCII) else 0
