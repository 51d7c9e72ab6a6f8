"""The page of the billing portal: subscriptions, the card behind them, and invoices."""

from __future__ import annotations

from http import HTTPStatus

from adapters.payments.simulated import collecting, lines, portal, purchasing
from adapters.payments.simulated.pages import words
from adapters.payments.simulated.pages.cards import asks, card_form, card_in
from adapters.payments.simulated.pages.visits import PREFIX, Answer, Moved, ProblemError, Shown, Visit, notice
from adapters.payments.simulated.store import Docs, Document

NEWEST = 24
"""Invoices that are shown."""


def show(visit: Visit) -> Answer:
    """All of it, as far as the portal's settings allow."""
    docs, session = visit.docs, portal.session_of(visit.docs, visit.id)
    if session is None:
        return _over()
    customer = docs.get("customer", session["customer"])
    subscriptions = _subscriptions(docs, customer)
    payer = collecting.payer_of(docs, subscriptions[0] if subscriptions else None, customer)
    values = {
        "action": f"{PREFIX}/portal/{visit.id}",
        "email": customer["email"],
        "return_url": session["return_url"],
        "subscriptions": [_subscription(docs, each) for each in subscriptions],
        "card": words.card(payer) if payer else None,
        "invoices": [
            _invoice(each) for each in docs.all("invoice", {"customer": customer["id"]}, latest=True, limit=NEWEST)
        ],
        "may": {feature: portal.allows(docs, session, feature) for feature in portal.FEATURES},
        **card_form(visit),
    }
    return Shown("portal.html", values)


def act(visit: Visit) -> Answer:
    """Cancel, resume, or change the card."""
    docs, session = visit.docs, portal.session_of(visit.docs, visit.id)
    if session is None:
        return _over()
    customer = docs.get("customer", session["customer"])
    wanted = visit.form.get("do")
    if wanted in {"cancel", "resume"}:
        _require(docs, session, "subscription_cancel")
        subscription = _named(visit, customer)
        if wanted == "cancel":
            purchasing.cancel(docs, subscription)
        elif subscription["cancel_at"] is not None:
            purchasing.resume(docs, subscription)
        return Moved(f"{PREFIX}/portal/{visit.id}")
    _require(docs, session, "payment_method_update")
    method_id = card_in(visit)
    if asks(docs, method_id):
        session["_card"] = method_id
        docs.save(session)
        return Moved(f"{PREFIX}/portal/{visit.id}/authenticate")
    purchasing.change_card(docs, customer, method_id)
    return Moved(f"{PREFIX}/portal/{visit.id}")


def show_bank(visit: Visit) -> Answer:
    """The page on which the bank asks whether it is really the card's holder."""
    session = portal.session_of(visit.docs, visit.id)
    if session is None or session["_card"] is None:
        return show(visit)
    return Shown("authenticate.html", {"action": f"{PREFIX}/portal/{visit.id}/authenticate", "amount": None})


def act_at_bank(visit: Visit) -> Answer:
    """Take the card once the bank is content."""
    docs, session = visit.docs, portal.session_of(visit.docs, visit.id)
    if session is None or session["_card"] is None:
        return show(visit)
    if visit.form.get("do") != "confirm":
        raise ProblemError(words.PROBLEMS["authentication_failed"])
    purchasing.change_card(docs, docs.get("customer", session["customer"]), session["_card"], authenticated=True)
    session["_card"] = None
    docs.save(session)
    return Moved(f"{PREFIX}/portal/{visit.id}")


def _over() -> Shown:
    sentence = "This page was open for an hour. Go back to where you came from, and open it again."
    return notice("Not open any more", sentence, status=HTTPStatus.GONE)


def _require(docs: Docs, session: Document, feature: str) -> None:
    if not portal.allows(docs, session, feature):
        raise ProblemError("This cannot be done here.")


def _subscriptions(docs: Docs, customer: Document) -> list[Document]:
    found = docs.all("subscription", {"customer": customer["id"]}, latest=True)
    return [each for each in found if each["status"] not in collecting.OVER]


def _named(visit: Visit, customer: Document) -> Document:
    wanted = visit.form.get("subscription")
    for subscription in _subscriptions(visit.docs, customer):
        if subscription["id"] == wanted:
            return subscription
    raise ProblemError("This subscription has ended.")


def _subscription(docs: Docs, subscription: Document) -> Document:
    item = subscription["items"]["data"][0]
    price = docs.get("price", item["price"])
    cost = words.amount(lines.of_item(docs, item, subscription["currency"]), subscription["currency"])
    return {
        "id": subscription["id"],
        "name": docs.get("product", price["product"])["name"],
        "cost": f"{cost} {words.every(price['recurring'])}",
        "state": _state(subscription, words.day(item["current_period_end"])),
        "ending": subscription["cancel_at"] is not None,
    }


def _state(subscription: Document, end: str) -> str:
    if subscription["cancel_at"] is not None:
        return f"Ends on {words.day(subscription['cancel_at'])}."
    match subscription["status"]:
        case "trialing":
            return f"Free until {end}, then paid for."
        case "active":
            return f"Renews on {end}."
        case "past_due" | "unpaid":
            return "The last payment failed: pay the open invoice, or change the card."
        case "incomplete":
            return "The first payment has not been made."
        case _:
            return "Paused."


def _invoice(invoice: Document) -> Document:
    return {
        "day": words.day(invoice["created"]),
        "number": invoice["number"] or "Draft",
        "total": words.amount(invoice["total"], invoice["currency"]),
        "state": invoice["status"].title(),
        "address": f"{PREFIX}/invoices/{invoice['id']}" if invoice["number"] else None,
    }
