"""Payment intents and setup intents: a try to use a card, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.payments.simulated import methods, wallets
from adapters.payments.simulated.store import Docs, Document

ON_SETUP = "authenticationRequiredOnSetup"
"""The card whose bank asks once, and never again after that."""
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


@dataclass(frozen=True)
class Outcome:
    """What came of a try. Without a `code` and an `action` there was no card to try."""

    paid: bool = False
    code: str = ""
    reason: str = ""
    action: bool = False


def new_payment(
    docs: Docs,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    description: str | None = None,
    invoice: str | None = None,
    metadata: Document | None = None,
) -> Document:
    """An amount that somebody wants to be paid."""
    intent = docs.new(
        "pi",
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application=None,
        automatic_payment_methods=None,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic",
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        description=description,
        last_payment_error=None,
        latest_charge=None,
        metadata=metadata or {},
        next_action=None,
        payment_method=None,
        payment_method_types=["card"],
        receipt_email=None,
        setup_future_usage="off_session" if invoice else None,
        shipping=None,
        status="requires_payment_method",
        transfer_data=None,
        _invoice=invoice,
    )
    return _told(docs, intent, "payment_intent.created")


def new_setup(
    docs: Docs, *, customer: str | None, usage: str, description: str | None = None, metadata: Document | None = None
) -> Document:
    """A card that is to be kept for later."""
    intent = docs.new(
        "seti",
        "setup_intent",
        application=None,
        automatic_payment_methods=None,
        cancellation_reason=None,
        customer=customer,
        description=description,
        flow_directions=None,
        last_setup_error=None,
        latest_attempt=None,
        mandate=None,
        metadata=metadata or {},
        next_action=None,
        on_behalf_of=None,
        payment_method=None,
        payment_method_types=["card"],
        single_use_mandate=None,
        status="requires_payment_method",
        usage=usage,
    )
    return _told(docs, intent, "setup_intent.created")


def attempt(docs: Docs, intent: Document, method: Document | None) -> Outcome:
    """Try a card. What came of it is written on the intent and told."""
    if method is None:
        return Outcome()
    intent["payment_method"] = method["id"]
    setting_up = intent["object"] == "setup_intent"
    decline = methods.decline_of(method, "attach" if setting_up else "charge")
    if decline:
        _refused(docs, intent, method, decline)
        return Outcome(code=decline[0], reason=decline[1])
    card = methods.plastic(method["id"])
    if card.asks and not (card.name == ON_SETUP and method.get("_set_up")):
        address = f"{docs.rules.public_url}/simulated-stripe/authenticate/{intent['id']}"
        intent["status"] = "requires_action"
        intent["next_action"] = {"redirect_to_url": {"return_url": None, "url": address}, "type": "redirect_to_url"}
        docs.update(intent, f"{intent['object']}.requires_action")
        return Outcome(action=True)
    succeed(docs, intent)
    return Outcome(paid=True)


def succeed(docs: Docs, intent: Document) -> None:
    """The card paid, or is good for later."""
    intent.update(status="succeeded", next_action=None)
    setting_up = intent["object"] == "setup_intent"
    if not setting_up:
        intent.update(amount_received=intent["amount"], last_payment_error=None)
    else:
        intent["last_setup_error"] = None
    if intent["customer"] and (setting_up or intent["_invoice"]):
        wallets.attach(docs, intent["payment_method"], docs.get("customer", intent["customer"]), checked=True)
    docs.update(intent, f"{intent['object']}.succeeded")


def fail_authentication(docs: Docs, intent: Document, method: Document) -> Outcome:
    """The cardholder did not pass 3-D Secure."""
    decline = f"{intent['object']}_authentication_failure", "authentication_failed"
    _refused(docs, intent, method, decline)
    return Outcome(code=decline[0], reason=decline[1])


def cancel(docs: Docs, intent: Document, reason: str | None) -> Document:
    """Nobody is going to pay this any more."""
    if intent["status"] in OPEN:
        intent.update(status="canceled", cancellation_reason=reason, next_action=None)
        if "canceled_at" in intent:
            intent["canceled_at"] = docs.now
        docs.update(intent, f"{intent['object']}.canceled")
    return intent


def _refused(docs: Docs, intent: Document, method: Document, decline: tuple[str, str]) -> None:
    code, reason = decline
    error = {
        "code": code,
        "decline_code": reason,
        "message": f"The card: {reason}.",
        "payment_method": dict(method),
        "type": "card_error",
    }
    setting_up = intent["object"] == "setup_intent"
    intent["last_setup_error" if setting_up else "last_payment_error"] = error
    intent.update(status="requires_payment_method", next_action=None, payment_method=None)
    docs.save(intent)
    docs.emit("setup_intent.setup_failed" if setting_up else "payment_intent.payment_failed", intent)


def _told(docs: Docs, intent: Document, event: str) -> Document:
    intent["client_secret"] = f"{intent['id']}_secret_{intent['id'][-12:]}"
    docs.save(intent)
    docs.emit(event, intent)
    return intent
