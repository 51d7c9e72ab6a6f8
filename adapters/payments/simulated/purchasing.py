"""What the pages do: a card becomes a subscription, pays an invoice, or takes the place of another."""

from __future__ import annotations

from adapters.payments.simulated import checkout, collecting, intents, invoicing, subscribing, wallets
from adapters.payments.simulated.customers import blank
from adapters.payments.simulated.intents import Outcome
from adapters.payments.simulated.store import Docs, Document

UPDATED = "customer.subscription.updated"


def complete(docs: Docs, session: Document, method_id: str, *, authenticated: bool = False) -> Document:
    """Subscribe by a card that is good, and close the session, which is open.

    Raises StripeFault when the card is declined; then nothing may stay of what was done.
    """
    customer = docs.find(session["customer"] or "") or _new_customer(docs, session)
    trial = session["_trial_end"] and session["_trial_end"] > docs.now
    if trial:
        method = set_up(docs, customer, method_id, authenticated=authenticated)
    else:
        method = wallets.attach(docs, method_id, customer)
        method["_set_up"] = authenticated
        docs.save(method)
    subscription = subscribing.begin(docs, checkout.wish_of(docs, session, customer, method["id"]))
    invoice = docs.get("invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        _finish(docs, docs.get("payment_intent", invoice["_intent"]), authenticated=authenticated)
    session.update(
        status="complete",
        url=None,
        payment_status="paid" if invoice["amount_paid"] else "no_payment_required",
        subscription=subscription["id"],
        invoice=invoice["id"],
        customer=customer["id"],
        customer_details={"address": None, "email": customer["email"], "name": customer["name"], "phone": None},
        _card=None,
    )
    docs.save(session)
    docs.emit("checkout.session.completed", session)
    return session


def set_up(docs: Docs, customer: Document, method_id: str, *, authenticated: bool = False) -> Document:
    """Give a customer a card for later, once its bank agrees. Raises StripeFault when it does not."""
    intent = intents.new_setup(docs, customer=customer["id"], usage="off_session")
    method = wallets.kept(docs, method_id)
    outcome = intents.attempt(docs, intent, method)
    if outcome.action and authenticated:
        collecting.authenticated(docs, intent, passed=True)
    elif not outcome.paid:
        raise subscribing.declined(outcome, kept=False)
    return method


def change_card(docs: Docs, customer: Document, method_id: str, *, authenticated: bool = False) -> None:
    """Let another card pay for what comes, and for every subscription. Raises StripeFault when it is declined."""
    method = set_up(docs, customer, method_id, authenticated=authenticated)
    customer["invoice_settings"]["default_payment_method"] = method["id"]
    docs.update(customer, "customer.updated")
    for subscription in docs.all("subscription", {"customer": customer["id"]}):
        if subscription["status"] not in collecting.OVER:
            subscription["default_payment_method"] = method["id"]
            docs.update(subscription, UPDATED)


def pay(docs: Docs, invoice: Document, method_id: str, *, authenticated: bool = False) -> None:
    """Pay an open invoice by a card, which is kept for what it is for.

    Raises StripeFault when the card is declined; then nothing may stay of what was done.
    """
    customer = docs.get("customer", invoice["customer"])
    method = wallets.attach(docs, method_id, customer)
    outcome = collecting.charge(docs, invoice, method)
    intent = docs.get("payment_intent", invoice["_intent"])
    if outcome.action:
        _finish(docs, intent, authenticated=authenticated)
    elif not outcome.paid:
        raise subscribing.declined(outcome, kept=False)
    subscription = invoicing.subscription_of(docs, invoice)
    if subscription is not None and subscription["status"] not in collecting.OVER:
        subscription["default_payment_method"] = method["id"]
        docs.update(subscription, UPDATED)


def cancel(docs: Docs, subscription: Document) -> None:
    """End with the period that is paid for. Stripe's portal names the moment, and leaves the flag as it is."""
    end = subscription["items"]["data"][0]["current_period_end"]
    subscription.update(cancel_at=end, canceled_at=docs.now)
    subscription["cancellation_details"]["reason"] = "cancellation_requested"
    docs.update(subscription, UPDATED)


def resume(docs: Docs, subscription: Document) -> None:
    """Do not end after all."""
    subscription.update(cancel_at_period_end=False, cancel_at=None, canceled_at=None)
    subscription["cancellation_details"]["reason"] = None
    docs.update(subscription, UPDATED)


def _finish(docs: Docs, intent: Document, *, authenticated: bool) -> None:
    """A first payment that did not go through at once: the holder shows that it is them, or it is declined."""
    if intent["status"] == "requires_action" and authenticated:
        collecting.authenticated(docs, intent, passed=True)
        return
    error = intent["last_payment_error"] or {}
    action = intent["status"] == "requires_action"
    outcome = Outcome(code=error.get("code", ""), reason=error.get("decline_code", ""), action=action)
    raise subscribing.declined(outcome, kept=False)


def _new_customer(docs: Docs, session: Document) -> Document:
    customer: Document = blank(docs)
    customer["email"] = session["customer_email"]
    docs.save(customer)
    docs.emit("customer.created", customer)
    return customer
