"""What payment intents and setup intents can be asked."""

from __future__ import annotations

from adapters.payments.simulated import collecting, faults, intents, subscribing, wallets
from adapters.payments.simulated.intents import Outcome
from adapters.payments.simulated.products import currency_of
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Document

PAYMENTS, PAYMENT = "/v1/payment_intents", "/v1/payment_intents/{id}"
SETUPS, SETUP = "/v1/setup_intents", "/v1/setup_intents/{id}"


@route("POST", PAYMENTS)
def create_payment(ask: Ask) -> Document:
    """An amount to be paid, tried at once if `confirm`."""
    amount = ask.form.whole("amount")
    if amount is None or amount < 1:
        raise faults.bad_parameter("parameter_missing" if amount is None else "parameter_invalid_integer", "amount")
    _read_kinds(ask)
    intent = intents.new_payment(
        ask.docs,
        amount=amount,
        currency=currency_of(ask.form, "currency"),
        customer=_customer(ask),
        description=ask.form.text("description"),
        metadata=ask.form.metadata(),
    )
    intent["shipping"] = ask.form.whatever("shipping")
    ask.docs.save(intent)
    return _confirmed(ask, intent) if ask.form.flag("confirm") else intent


@route("POST", SETUPS)
def create_setup(ask: Ask) -> Document:
    """A card to be kept, tried at once if `confirm`."""
    _read_kinds(ask)
    usage = ask.form.choice("usage", "off_session", "on_session") or "off_session"
    intent = intents.new_setup(
        ask.docs,
        customer=_customer(ask),
        usage=usage,
        description=ask.form.text("description"),
        metadata=ask.form.metadata(),
    )
    return _confirmed(ask, intent) if ask.form.flag("confirm") else intent


@route("POST", f"{PAYMENT}/confirm")
def confirm_payment(ask: Ask) -> Document:
    """Try it, by the card that is named."""
    return _confirmed(ask, ask.docs.get("payment_intent", ask.id, "intent"))


@route("POST", f"{SETUP}/confirm")
def confirm_setup(ask: Ask) -> Document:
    """Try it, by the card that is named."""
    return _confirmed(ask, ask.docs.get("setup_intent", ask.id, "intent"))


@route("POST", f"{PAYMENT}/cancel")
def cancel_payment(ask: Ask) -> Document:
    """Not any more."""
    return _canceled(ask, ask.docs.get("payment_intent", ask.id, "intent"))


@route("POST", f"{SETUP}/cancel")
def cancel_setup(ask: Ask) -> Document:
    """Not any more."""
    return _canceled(ask, ask.docs.get("setup_intent", ask.id, "intent"))


@route("GET", PAYMENT)
def retrieve_payment(ask: Ask) -> Document:
    """One payment intent."""
    return ask.docs.get("payment_intent", ask.id, "intent")


@route("GET", SETUP)
def retrieve_setup(ask: Ask) -> Document:
    """One setup intent."""
    return ask.docs.get("setup_intent", ask.id, "intent")


@route("GET", PAYMENTS)
def list_payments(ask: Ask) -> Document:
    """All, or those of a customer."""
    return ask.listed("payment_intent", ask.filters("customer"))


@route("GET", SETUPS)
def list_setups(ask: Ask) -> Document:
    """All, or those of a customer."""
    return ask.listed("setup_intent", ask.filters("customer"))


def _confirmed(ask: Ask, intent: Document) -> Document:
    """Try a card. Raises StripeFault when it is declined, which is noted."""
    docs = ask.docs
    if intent["status"] not in intents.OPEN:
        raise faults.bad_request(f"It is {intent['status']} already.", f"{intent['object']}_unexpected_state")
    ask.form.text("return_url")
    ask.form.flag("off_session")
    name = ask.form.text("payment_method")
    method = wallets.kept(docs, name) if name else None
    if method and method["customer"] not in {None, intent["customer"]}:
        raise faults.bad_request("This payment method is another customer's.", param="payment_method")
    invoice = intent.get("_invoice")
    if invoice:
        outcome = collecting.charge(docs, docs.get("invoice", invoice), method)
    else:
        outcome = intents.attempt(docs, intent, method)
    if outcome == Outcome():
        raise faults.bad_parameter("parameter_missing", "payment_method")
    if outcome.code:
        raise subscribing.declined(outcome, kept=True)
    return intent


def _canceled(ask: Ask, intent: Document) -> Document:
    if intent["status"] not in intents.OPEN:
        raise faults.bad_request(f"It is {intent['status']} already.", f"{intent['object']}_unexpected_state")
    return intents.cancel(ask.docs, intent, ask.form.text("cancellation_reason"))


def _customer(ask: Ask) -> str | None:
    name = ask.form.text("customer")
    return ask.docs.get("customer", name, "customer")["id"] if name else None


def _read_kinds(ask: Ask) -> None:
    """Cards are the only kind that there is."""
    ask.form.texts("payment_method_types")
    ask.form.texts("allowed_payment_method_types")
    kinds = ask.form.child("automatic_payment_methods")
    if kinds:
        kinds.flag("enabled")
        kinds.choice("allow_redirects", "always", "never")
