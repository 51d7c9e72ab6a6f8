"""Getting invoices paid: how often it is tried, and what comes of it for the subscription behind an invoice."""

from __future__ import annotations

from adapters.payments.simulated import intents, invoicing, wallets
from adapters.payments.simulated.intents import Outcome
from adapters.payments.simulated.store import Docs, Document

DAY = 86_400
UPDATED = "customer.subscription.updated"
OVER = ("canceled", "incomplete_expired")


def charge(docs: Docs, invoice: Document, method: Document | None = None) -> Outcome:
    """Try to get an open invoice paid, by the card that pays for it unless another is named."""
    if not invoice["amount_due"]:
        settle(docs, invoice)
        return Outcome(paid=True)
    intent = docs.get("payment_intent", invoice["_intent"])
    invoice["attempted"] = True
    invoice["attempt_count"] += 1
    outcome = intents.attempt(docs, intent, method or payer(docs, invoice))
    if outcome.paid:
        settle(docs, invoice)
    else:
        _failed(docs, invoice, outcome)
    return outcome


def settle(docs: Docs, invoice: Document, *, elsewhere: bool = False) -> None:
    """An invoice is paid: by its intent, because nothing is due, or `elsewhere`, as somebody says."""
    due = invoice["amount_due"]
    invoice.update(status="paid", amount_paid=due, amount_remaining=0, next_payment_attempt=None, auto_advance=False)
    invoice["attempted"] = True
    invoice["status_transitions"]["paid_at"] = docs.now
    for paying in invoicing.payments_of(docs, invoice):
        if elsewhere:
            intents.cancel(docs, docs.get("payment_intent", invoice["_intent"]), "automatic")
        paying.update(status="canceled" if elsewhere else "paid", amount_paid=None if elsewhere else due)
        paying["status_transitions"]["canceled_at" if elsewhere else "paid_at"] = docs.now
        docs.save(paying)
        if not elsewhere:
            docs.emit("invoice_payment.paid", paying)
    docs.update(invoice, "invoice.updated")
    docs.emit("invoice.paid", invoice)
    docs.emit("invoice.payment_succeeded", invoice)
    subscription = invoicing.subscription_of(docs, invoice)
    if subscription is not None and subscription["status"] not in OVER:
        _paid_for(docs, subscription, invoice)


def payer(docs: Docs, invoice: Document) -> Document | None:
    """The card that pays: the invoice's own, the subscription's, or the customer's; None when there is none."""
    subscription = invoicing.subscription_of(docs, invoice)
    customer = docs.get("customer", invoice["customer"])
    return payer_of(docs, subscription, customer, invoice["default_payment_method"])


def payer_of(docs: Docs, subscription: Document | None, customer: Document, own: str | None = None) -> Document | None:
    """The card that pays for a subscription."""
    name = own or (subscription and subscription["default_payment_method"])
    name = name or customer["invoice_settings"]["default_payment_method"]
    return wallets.method_of(docs, name, "payment_method") if name else None


def authenticated(docs: Docs, intent: Document, *, passed: bool) -> Document:
    """The cardholder has, or has not, shown the bank that it is them: what the page of 3-D Secure does."""
    method = wallets.method_of(docs, intent["payment_method"], "payment_method")
    invoice = intent.get("_invoice") and docs.get("invoice", intent["_invoice"])
    if not passed:
        outcome = intents.fail_authentication(docs, intent, method)
        if invoice:
            _tell_failure(docs, invoice, outcome)
        return intent
    method["_set_up"] = True
    docs.save(method)
    intents.succeed(docs, intent)
    if invoice:
        settle(docs, invoice)
    return intent


def end(docs: Docs, subscription: Document, reason: str) -> Document:
    """A subscription is over, and nobody tries to collect for it any more."""
    incomplete = subscription["status"] == "incomplete"
    subscription["status"] = "incomplete_expired" if incomplete else "canceled"
    subscription["ended_at"] = docs.now
    subscription["canceled_at"] = subscription["canceled_at"] or docs.now
    subscription["cancellation_details"]["reason"] = reason
    subscription["pending_update"] = None
    if incomplete:
        docs.update(subscription, UPDATED)
    else:
        docs.save(subscription)
        docs.emit("customer.subscription.deleted", subscription)
    for invoice in docs.all("invoice", {"parent.subscription_details.subscription": subscription["id"]}):
        if incomplete and invoice["status"] == "open":
            invoicing.close(docs, invoice, "void")
        elif invoice["status"] in {"draft", "open"}:
            invoice.update(auto_advance=False, automatically_finalizes_at=None, next_payment_attempt=None)
            docs.update(invoice, "invoice.updated")
    return subscription


def _paid_for(docs: Docs, subscription: Document, invoice: Document) -> None:
    if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription" and invoice["_intent"]:
        used = docs.get("payment_intent", invoice["_intent"])["payment_method"]
        subscription["default_payment_method"] = used or subscription["default_payment_method"]
    pending = subscription.get("_pending")
    if pending and pending["invoice"] == invoice["id"]:
        subscription["items"]["data"] = pending["items"]
        subscription.update(billing_cycle_anchor=pending["anchor"], pending_update=None, _pending=None)
        if subscription["cancel_at_period_end"]:
            subscription["cancel_at"] = pending["items"][0]["current_period_end"]
        docs.update(subscription, UPDATED)
        docs.emit("customer.subscription.pending_update_applied", subscription)
    if subscription["status"] == "paused":
        subscription["status"] = "active"
        docs.update(subscription, UPDATED)
        docs.emit("customer.subscription.resumed", subscription)
    latest = subscription["latest_invoice"] == invoice["id"]
    if subscription["status"] == "incomplete" or (subscription["status"] in {"past_due", "unpaid"} and latest):
        subscription["status"] = "active"
    docs.update(subscription, UPDATED)


def _failed(docs: Docs, invoice: Document, outcome: Outcome) -> None:
    """Tell of it, try again some days later or never, and let the subscription feel it."""
    subscription = invoicing.subscription_of(docs, invoice)
    days, tries = docs.rules.retry_days, invoice["attempt_count"]
    collecting = invoice["auto_advance"] and (subscription is None or subscription["status"] != "incomplete")
    again = collecting and tries <= len(days)
    invoice["next_payment_attempt"] = docs.now + days[tries - 1] * DAY if again else None
    _tell_failure(docs, invoice, outcome)
    if subscription is None or subscription["status"] in {*OVER, "incomplete", "paused"}:
        return
    if subscription.get("_pending") and subscription["_pending"]["invoice"] == invoice["id"]:
        return
    if subscription["status"] in {"active", "trialing"}:
        subscription["status"] = "past_due"
        docs.update(subscription, UPDATED)
    if collecting and not again:
        _give_up(docs, subscription, invoice)


def _tell_failure(docs: Docs, invoice: Document, outcome: Outcome) -> None:
    docs.update(invoice, "invoice.updated")
    docs.emit("invoice.payment_failed", invoice)
    if outcome.action:
        docs.emit("invoice.payment_action_required", invoice)


def _give_up(docs: Docs, subscription: Document, invoice: Document) -> None:
    """After the last try, as the account's settings say."""
    invoice["auto_advance"] = False
    docs.save(invoice)
    if docs.rules.then == "canceled":
        end(docs, subscription, "payment_failed")
    elif docs.rules.then == "unpaid":
        subscription["status"] = "unpaid"
        docs.update(subscription, UPDATED)
