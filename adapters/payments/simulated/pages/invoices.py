"""The page of an invoice, where one that is open can be paid; and the bank's page for payments under way."""

from __future__ import annotations

from adapters.payments.simulated import collecting, purchasing
from adapters.payments.simulated.pages import words
from adapters.payments.simulated.pages.cards import asks, card_form, card_in
from adapters.payments.simulated.pages.visits import PREFIX, Answer, Moved, ProblemError, Shown, Visit, notice, unknown
from adapters.payments.simulated.store import Docs, Document

STATES = {
    "open": "Open",
    "paid": "Paid",
    "void": "Void: nothing has to be paid",
    "uncollectible": "Given up as uncollectible",
}


def show(visit: Visit) -> Answer:
    """What stands on it, and a form for the card while it is open."""
    docs, invoice = visit.docs, _invoice(visit)
    if invoice is None:
        return unknown()
    currency = invoice["currency"]
    payer = collecting.payer(docs, invoice)
    values = {
        "action": _address(invoice),
        "number": invoice["number"],
        "state": STATES[invoice["status"]],
        "day": words.day(invoice["created"]),
        "email": invoice["customer_email"],
        "lines": [(line["description"], words.amount(line["amount"], currency)) for line in invoice["lines"]["data"]],
        "less": [
            words.amount(-part["amount"], currency) for part in invoice["total_discount_amounts"] if part["amount"]
        ],
        "total": words.amount(invoice["total"], currency),
        "due": words.amount(invoice["amount_due"], currency),
        "paid_on": _paid_on(invoice),
        "payable": _payable(invoice),
        "card": words.card(payer) if payer else None,
        **card_form(visit),
    }
    return Shown("invoice.html", values)


def act(visit: Visit) -> Answer:
    """Pay it. Who pays twice pays once."""
    docs, invoice = visit.docs, _invoice(visit)
    if invoice is None:
        return unknown()
    if not _payable(invoice):
        return Moved(_address(invoice))
    method_id = _chosen(visit, invoice)
    if asks(docs, method_id):
        invoice["_card"] = method_id
        docs.save(invoice)
        return Moved(f"{_address(invoice)}/authenticate")
    purchasing.pay(docs, invoice, method_id)
    return Moved(_address(invoice))


def show_bank(visit: Visit) -> Answer:
    """The page on which the bank asks whether it is really the card's holder."""
    invoice = _invoice(visit)
    if invoice is None or not _payable(invoice) or not invoice.get("_card"):
        return show(visit)
    due = words.amount(invoice["amount_due"], invoice["currency"])
    return Shown("authenticate.html", {"action": f"{_address(invoice)}/authenticate", "amount": due})


def act_at_bank(visit: Visit) -> Answer:
    """Pay once the bank is content."""
    invoice = _invoice(visit)
    if invoice is None or not _payable(invoice) or not invoice.get("_card"):
        return show(visit)
    if visit.form.get("do") != "confirm":
        raise ProblemError(words.PROBLEMS["authentication_failed"])
    purchasing.pay(visit.docs, invoice, invoice["_card"], authenticated=True)
    return Moved(_address(invoice))


def show_intent(visit: Visit) -> Answer:
    """The bank's page for a payment, or a card to be kept, that waits for its holder."""
    intent = _intent(visit)
    if intent is None:
        return unknown()
    if intent["status"] != "requires_action":
        return notice(
            "Nothing to confirm", f"This is {intent['status'].replace('_', ' ')}.", _behind(visit.docs, intent)
        )
    due = words.amount(intent["amount"], intent["currency"]) if "amount" in intent else None
    return Shown("authenticate.html", {"action": f"{PREFIX}/authenticate/{intent['id']}", "amount": due})


def act_on_intent(visit: Visit) -> Answer:
    """Tell the bank that it is, or is not, the holder."""
    docs, intent = visit.docs, _intent(visit)
    if intent is None:
        return unknown()
    if intent["status"] == "requires_action":
        collecting.authenticated(docs, intent, passed=visit.form.get("do") == "confirm")
    address = _behind(docs, intent)
    return Moved(address) if address else show_intent(visit)


def _invoice(visit: Visit) -> Document | None:
    found = visit.docs.find(visit.id)
    return found if found and found["object"] == "invoice" and found["status"] != "draft" else None


def _intent(visit: Visit) -> Document | None:
    found = visit.docs.find(visit.id)
    return found if found and found["object"] in {"payment_intent", "setup_intent"} else None


def _behind(docs: Docs, intent: Document) -> str | None:
    """The page of what an intent pays."""
    invoice = docs.find(intent.get("_invoice") or "")
    return _address(invoice) if invoice else None


def _payable(invoice: Document) -> bool:
    return invoice["status"] in {"open", "uncollectible"}


def _address(invoice: Document) -> str:
    return f"{PREFIX}/invoices/{invoice['id']}"


def _paid_on(invoice: Document) -> str | None:
    moment = invoice["status_transitions"]["paid_at"]
    return words.day(moment) if moment else None


def _chosen(visit: Visit, invoice: Document) -> str:
    """The card that is on file, where that is wanted, or that of the form. Raises StripeFault."""
    payer = collecting.payer(visit.docs, invoice)
    if visit.form.get("do") == "on-file" and payer is not None:
        return str(payer["id"])
    return card_in(visit)
