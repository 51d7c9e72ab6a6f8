"""Changes of a subscription: other items, with what they cost for the rest of a period, and what is set beside."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from adapters.payments.simulated import collecting, discounts, faults, invoicing, prorating, renewing, subscribing
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.intents import Outcome
from adapters.payments.simulated.periods import following
from adapters.payments.simulated.products import sellable
from adapters.payments.simulated.store import Docs, Document

PRORATIONS = ("create_prorations", "always_invoice", "none")
UPDATED = "customer.subscription.updated"


@dataclass(frozen=True)
class Change:
    """What was done to a subscription. `bills` says that an invoice is due at once, `restarts` that a period begins."""

    bills: bool
    restarts: bool = False


def change(docs: Docs, subscription: Document, form: Form) -> Document:
    """Do all that a form says, tell it, and charge what is due at once. Raises StripeFault."""
    if subscription["status"] in collecting.OVER:
        raise faults.missing("subscription", subscription["id"])
    behavior = form.choice("payment_behavior", *subscribing.BEHAVIORS) or "allow_incomplete"
    before = copy.deepcopy(subscription)
    set_beside(docs, subscription, form)
    changed = change_items(docs, subscription, form)
    if form.text("trial_end") == "now" and subscription["status"] == "trialing":
        renewing.end_trial(docs, subscription, at_once=True)
        _require_latest(docs, subscription, behavior)
    elif changed.bills:
        _bill(docs, subscription, before, behavior, restarts=changed.restarts)
    return docs.update(subscription, UPDATED)


def change_items(docs: Docs, subscription: Document, form: Form) -> Change:
    """Other prices and quantities, with credits and debits. Raises StripeFault."""
    prorates = form.choice("proration_behavior", *PRORATIONS) or "create_prorations"
    at, restart = _moment(docs, subscription, form), form.choice("billing_cycle_anchor", "now", "unchanged") == "now"
    forms = form.each("items")
    if not forms and not restart:
        return Change(bills=False)
    items = subscription["items"]["data"]
    rhythm = _rhythm(docs, items)
    trialing, prorated = subscription["status"] == "trialing", prorates != "none"
    ended, begun = _exchange(docs, subscription, forms)
    restarts = not trialing and (restart or _rhythm(docs, items) != rhythm)
    if trialing:
        prorating.note_billed(docs, subscription)
        _fit(docs, subscription, restart=False)
        return Change(bills=False)
    if restarts:
        ended = [copy.deepcopy(item) for item in items if item not in begun] + ended
    if prorated:
        for item in ended:
            prorating.credit(docs, subscription, item, at)
    _fit(docs, subscription, restart=restarts)
    for item in begun if prorated and not restarts else []:
        prorating.debit(docs, subscription, item, at)
    return Change(bills=restarts or prorates == "always_invoice", restarts=restarts)


def set_beside(docs: Docs, subscription: Document, form: Form) -> None:
    """All that costs nothing. Raises StripeFault."""
    customer = docs.get("customer", subscription["customer"])
    if form.has("default_payment_method"):
        subscription["default_payment_method"] = subscribing.method_of(docs, form, customer)
    if form.has("description"):
        subscription["description"] = form.text("description")
    subscription["metadata"] = form.metadata(subscription["metadata"])
    missing = subscribing.missing_of(form.child("trial_settings"))
    if missing:
        subscription["trial_settings"]["end_behavior"]["missing_payment_method"] = missing
    if form.has("discounts"):
        choices = discounts.chosen(docs, form.each("discounts"), customer)
        subscription["discounts"] = discounts.redeem(docs, choices, customer["id"], subscription["id"])
    form.flag("off_session")
    _set_end(docs, subscription, form)
    _set_pause(subscription, form)
    trial = form.text("trial_end")
    if trial and trial != "now":
        _move_trial(docs, subscription, form)


def _exchange(docs: Docs, subscription: Document, forms: list[Form]) -> tuple[list[Document], list[Document]]:
    """Put new items in the place of old ones; what has ended, as it was, and what begins. Raises StripeFault."""
    items: list[Document] = subscription["items"]["data"]
    ended, begun = [], []
    for form in forms:
        name = form.text("id")
        if name is None:
            begun.append(subscribing.add_item(docs, subscription, subscribing.part_of(docs, form)))
            continue
        item = next((item for item in items if item["id"] == name), None)
        if item is None:
            raise faults.missing("subscription_item", name, form.path("id"))
        before = copy.deepcopy(item)
        if form.flag("deleted"):
            items.remove(item)
            ended.append(before)
            continue
        price, quantity = form.text("price"), subscribing.quantity_of(form)
        item["metadata"] = form.metadata(item["metadata"])
        item["price"] = sellable(docs, price, form.path("price"))["id"] if price else item["price"]
        item["quantity"] = item["quantity"] if quantity is None else quantity
        if (item["price"], item["quantity"]) != (before["price"], before["quantity"]):
            ended.append(before)
            begun.append(item)
    return ended, begun


def _fit(docs: Docs, subscription: Document, *, restart: bool) -> None:
    """Let the items have one rhythm; a period that restarts begins now and is billed in full."""
    items = subscription["items"]["data"]
    recurring = subscribing.recurring_of(docs, items)
    if restart:
        subscription["billing_cycle_anchor"] = docs.now
        end = following(docs.now, recurring, docs.now)
        for item in items:
            item.update(current_period_start=docs.now, current_period_end=end)
        if subscription["cancel_at_period_end"]:
            subscription["cancel_at"] = end
        prorating.note_billed(docs, subscription)


def _bill(docs: Docs, subscription: Document, before: Document, behavior: str, *, restarts: bool) -> None:
    """Charge a change at once; what is not paid is undone, waits, or makes the subscription past due."""
    invoice = invoice_of(docs, subscription, restarts=restarts)
    if invoice is None:
        return
    if behavior != "pending_if_incomplete":
        docs.update(subscription, UPDATED)
    invoicing.finalize(docs, invoice)
    if behavior == "pending_if_incomplete" and invoice["amount_due"]:
        _defer(docs, subscription, before, invoice)
    if behavior != "default_incomplete" or not invoice["amount_due"]:
        subscribing.require(collecting.charge(docs, invoice), behavior)


def invoice_of(docs: Docs, subscription: Document, *, restarts: bool) -> Document | None:
    """The draft of what a change costs at once; None when it costs nothing and gives nothing back."""
    if restarts:
        return renewing.cycle_invoice(docs, subscription, "subscription_update")
    customer = docs.get("customer", subscription["customer"])
    waiting = docs.all("invoiceitem", {"customer": customer["id"], "_pending": True}, limit=1)
    if not waiting:
        return None
    return invoicing.draft(
        docs,
        customer,
        [],
        reason="subscription_update",
        currency=subscription["currency"],
        subscription=subscription,
    )


def _defer(docs: Docs, subscription: Document, before: Document, invoice: Document) -> None:
    """Leave a subscription as it was until the invoice of its change is paid."""
    if subscription["_pending"]:
        invoicing.close(docs, docs.get("invoice", subscription["_pending"]["invoice"]), "void")
    items, anchor = subscription["items"]["data"], subscription["billing_cycle_anchor"]
    subscription["_pending"] = {"invoice": invoice["id"], "items": items, "anchor": anchor}
    subscription["items"]["data"] = before["items"]["data"]
    subscription["billing_cycle_anchor"] = before["billing_cycle_anchor"]
    subscription["cancel_at"] = before["cancel_at"]
    subscription["pending_update"] = {
        "billing_cycle_anchor": None if anchor == before["billing_cycle_anchor"] else anchor,
        "discounts": None,
        "expires_at": min(docs.now + renewing.INCOMPLETE, before["items"]["data"][0]["current_period_end"]),
        "subscription_items": items,
        "trial_end": None,
        "trial_from_plan": None,
    }
    invoice["auto_advance"] = False
    docs.save(invoice)
    docs.save(subscription)


def _require_latest(docs: Docs, subscription: Document, behavior: str) -> None:
    invoice = docs.get("invoice", subscription["latest_invoice"])
    if behavior == "error_if_incomplete" and invoice["status"] == "open":
        raise subscribing.declined(Outcome(code="card_declined", reason="generic_decline"), kept=False)


def _moment(docs: Docs, subscription: Document, form: Form) -> int:
    """When a change counts from: now, unless another second of the period is named. Raises StripeFault."""
    moment = form.whole("proration_date")
    if moment is None:
        return docs.now
    item = subscription["items"]["data"][0]
    if not item["current_period_start"] <= moment <= item["current_period_end"]:
        raise faults.bad_request("This moment is not in the present period.", param="proration_date")
    return moment


def _rhythm(docs: Docs, items: list[Document]) -> tuple[str, int]:
    recurring = subscribing.recurring_of(docs, items)
    return recurring["interval"], recurring["interval_count"]


def _set_end(docs: Docs, subscription: Document, form: Form) -> None:
    details = form.child("cancellation_details")
    for name in ("comment", "feedback"):
        if details and details.has(name):
            subscription["cancellation_details"][name] = details.text(name)
    ends, at = form.flag("cancel_at_period_end"), form.whole("cancel_at")
    if at is not None and at <= docs.now:
        raise faults.bad_parameter("parameter_invalid", "cancel_at")
    flagged = ends is not None and (ends or subscription["cancel_at_period_end"])
    if not flagged and not form.has("cancel_at"):
        return  # a moment that was set without the flag is taken back by an empty one alone
    end = subscription["items"]["data"][0]["current_period_end"] if ends else at
    subscription.update(cancel_at_period_end=bool(ends), cancel_at=end, canceled_at=docs.now if end else None)
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if end else None


def _set_pause(subscription: Document, form: Form) -> None:
    if not form.has("pause_collection"):
        return
    pause = form.child("pause_collection")
    subscription["pause_collection"] = pause and {
        "behavior": pause.choice("behavior", "keep_as_draft", "mark_uncollectible", "void") or pause.need("behavior"),
        "resumes_at": pause.whole("resumes_at"),
    }


def _move_trial(docs: Docs, subscription: Document, form: Form) -> None:
    """Another end of a trial that is running."""
    if subscription["status"] != "trialing":
        raise faults.bad_request("Only a trial that is running can be moved here.", param="trial_end")
    end = subscribing.trial_of(docs, form)
    assert end is not None
    subscription.update(trial_end=end, billing_cycle_anchor=end, _warn_at=max(end - subscribing.WARNING, docs.now))
    for item in subscription["items"]["data"]:
        item["current_period_end"] = end
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = end
    prorating.note_billed(docs, subscription)
