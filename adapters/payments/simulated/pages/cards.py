"""Cards from a page's form: a number with its expiry and security code, or one of the test cards at one click."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from adapters.payments.simulated import methods, wallets
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.intents import ON_SETUP

if TYPE_CHECKING:
    from adapters.payments.simulated.pages.visits import Visit
    from adapters.payments.simulated.store import Docs

TEST_CARDS = (
    ("4242 4242 4242 4242", "pays"),
    ("4000 0000 0000 0002", "is declined at once"),
    ("4000 0000 0000 0341", "is taken, and declined when it is charged"),
    ("4000 0027 6000 3184", "asks for 3-D Secure every time"),
    ("4000 0025 0000 3155", "asks for 3-D Secure once"),
)
EXPIRY, CVC = "12 / 34", "123"
"""What the form begins with."""


def card_form(visit: Visit) -> dict[str, Any]:
    """What the fields hold: what was sent before, or a card that pays."""
    return {
        "entered": {
            "number": visit.form.get("number", TEST_CARDS[0][0]),
            "expiry": visit.form.get("expiry", EXPIRY),
            "cvc": visit.form.get("cvc", CVC),
        },
        "test_cards": TEST_CARDS,
    }


def card_in(visit: Visit) -> str:
    """The id of the payment method that a form makes. Raises StripeFault for what is no test card."""
    chosen = visit.form.get("card")
    form = {"number": chosen, "expiry": EXPIRY, "cvc": CVC} if chosen else visit.form
    month, _, year = re.sub(r"\s", "", form.get("expiry", "")).partition("/")
    number, cvc = re.sub(r"[\s-]", "", form.get("number", "")), form.get("cvc") or "-"
    card = {"number": number, "exp_month": month, "exp_year": year, "cvc": cvc}
    return methods.created(Form({"type": "card", "card": card}), visit.docs.now).id


def asks(docs: Docs, method_id: str) -> bool:
    """Whether the bank behind a card wants to see its holder first."""
    plastic = methods.plastic(method_id)
    known = plastic.name == ON_SETUP and wallets.method_of(docs, method_id, "payment_method").get("_set_up")
    return plastic.asks and not known
