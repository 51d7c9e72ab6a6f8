"""What time does to subscriptions and invoices: trials end, periods begin, drafts are charged, cards tried again."""

from __future__ import annotations

from adapters.payments.simulated import collecting, invoicing, lines, prorating, subscribing
from adapters.payments.simulated.lifecycle import moves
from adapters.payments.simulated.periods import following
from adapters.payments.simulated.store import Docs, Document

INCOMPLETE = 23 * 3_600
"""Seconds that a first payment, or that of a pending update, has."""
UPDATED = "customer.subscription.updated"


def subscription_due(subscription: Document) -> int | None:
    """When something happens to a subscription by itself."""
    status = subscription["status"]
    if status in collecting.OVER:
        return None
    moments = [subscription["cancel_at"]]
    if status == "incomplete":
        return int(subscription["created"]) + INCOMPLETE
    if status == "trialing":
        moments += [subscription["trial_end"], subscription["_warn_at"]]
    elif status != "paused":
        moments.append(subscription["items"]["data"][0]["current_period_end"])
    paused = subscription["pause_collection"]
    moments.append(paused and paused["resumes_at"])
    pending = subscription["pending_update"]
    moments.append(pending and pending["expires_at"])
    return min((moment for moment in moments if moment is not None), default=None)


@moves("subscription", subscription_due)
def step(docs: Docs, subscription: Document) -> None:
    """Do the one thing that is due first."""
    now = docs.now
    paused, pending = subscription["pause_collection"], subscription["pending_update"]
    if subscription["status"] == "incomplete":
        collecting.end(docs, subscription, "payment_failed")
    elif subscription["cancel_at"] is not None and subscription["cancel_at"] <= now:
        collecting.end(docs, subscription, "cancellation_requested")
    elif pending and pending["expires_at"] <= now:
        _expire_update(docs, subscription)
    elif paused and paused["resumes_at"] is not None and paused["resumes_at"] <= now:
        subscription["pause_collection"] = None
        docs.update(subscription, UPDATED)
    elif subscription["status"] == "trialing" and now < subscription["trial_end"]:
        subscription["_warn_at"] = None
        docs.save(subscription)
        docs.emit("customer.subscription.trial_will_end", subscription)
    elif subscription["status"] == "trialing":
        end_trial(docs, subscription)
    else:
        roll(docs, subscription)


def end_trial(docs: Docs, subscription: Document, *, at_once: bool = False) -> None:
    """Turn active before anything is charged; or end, or pause, without a card, where that is the wish.

    `at_once` is a trial that somebody ends before its time: then the invoice is not a draft for an hour.
    """
    customer = docs.get("customer", subscription["customer"])
    missing = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    subscription["_warn_at"] = None
    if missing != "create_invoice" and collecting.payer_of(docs, subscription, customer) is None:
        if missing == "cancel":
            collecting.end(docs, subscription, "payment_failed")
            return
        subscription["status"] = "paused"
        docs.update(subscription, UPDATED)
        docs.emit("customer.subscription.paused", subscription)
        return
    subscription.update(status="active", billing_cycle_anchor=docs.now)
    if at_once:
        subscription["trial_end"] = docs.now
    roll(docs, subscription, at_once=at_once)


def roll(docs: Docs, subscription: Document, *, at_once: bool = False) -> Document:
    """Begin the next period now, and draft its invoice."""
    begin_period(docs, subscription)
    invoice = cycle_invoice(docs, subscription, "subscription_update" if at_once else "subscription_cycle")
    docs.update(subscription, UPDATED)
    paused = subscription["pause_collection"]
    if subscription["status"] == "unpaid" or paused:
        _hold(docs, invoice, paused["behavior"] if paused else "keep_as_draft")
    elif at_once:
        invoicing.finalize(docs, invoice)
        collecting.charge(docs, invoice)
    else:
        invoice["automatically_finalizes_at"] = docs.now + invoicing.DRAFT
        docs.save(invoice)
    return invoice


def begin_period(docs: Docs, subscription: Document) -> None:
    """Each item's next period, from now on."""
    items = subscription["items"]["data"]
    end = following(subscription["billing_cycle_anchor"], subscribing.recurring_of(docs, items), docs.now)
    for item in items:
        item.update(current_period_start=docs.now, current_period_end=end)
    prorating.note_billed(docs, subscription)


def cycle_invoice(docs: Docs, subscription: Document, reason: str) -> Document:
    """The draft of a period, with all that has waited for it."""
    items = subscription["items"]["data"]
    return invoicing.draft(
        docs,
        docs.get("customer", subscription["customer"]),
        [lines.for_period(docs, subscription, item) for item in items],
        reason=reason,
        currency=subscription["currency"],
        subscription=subscription,
    )


def invoice_due(invoice: Document) -> int | None:
    """When something happens to an invoice by itself: a draft is charged, or a card tried again."""
    moment = {"draft": "automatically_finalizes_at", "open": "next_payment_attempt"}.get(invoice["status"])
    due: int | None = invoice[moment] if moment and invoice["auto_advance"] else None
    return due


@moves("invoice", invoice_due)
def collect(docs: Docs, invoice: Document) -> None:
    """Charge it; a draft becomes an invoice first."""
    if invoice["status"] == "draft":
        invoicing.finalize(docs, invoice)
    collecting.charge(docs, invoice)


def _hold(docs: Docs, invoice: Document, behavior: str) -> None:
    """The invoice of a period for which nothing is collected."""
    invoice["auto_advance"] = False
    docs.save(invoice)
    if behavior != "keep_as_draft":
        invoicing.finalize(docs, invoice)
        invoicing.close(docs, invoice, "void" if behavior == "void" else "uncollectible")


def _expire_update(docs: Docs, subscription: Document) -> None:
    invoice = docs.get("invoice", subscription["_pending"]["invoice"])
    subscription.update(pending_update=None, _pending=None)
    docs.update(subscription, UPDATED)
    docs.emit("customer.subscription.pending_update_expired", subscription)
    if invoice["status"] == "open":
        invoicing.close(docs, invoice, "void")
