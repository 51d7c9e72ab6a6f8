"""What an invoice would be: the change is really made, its invoice drafted, and everything forgotten."""

from __future__ import annotations

from adapters.payments.simulated import (
    changing,
    collecting,
    discounts,
    faults,
    invoicing,
    prorating,
    renewing,
    subscribing,
    views,
)
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Docs, Document, new_id

CUSTOMER = {"email": None, "name": None, "phone": None, "balance": 0, "currency": None}
"""Somebody who is not a customer yet."""


@route("POST", "/v1/invoices/create_preview")
def create_preview(ask: Ask) -> Document:
    """The invoice of a change, of a new subscription, or of the period that comes next."""
    with ask.docs.pretending() as docs:
        invoice = _imagined(docs, ask.form)
        invoicing.weigh(docs.get("customer", invoice["customer"]), invoice)
        docs.save(invoice)
        copy = views.told(invoice, docs.find)
    copy["id"] = new_id("upcoming_in")
    for line in copy["lines"]["data"]:
        line["invoice"] = copy["id"]
    return copy


def _imagined(docs: Docs, form: Form) -> Document:
    details = form.child("subscription_details") or Form({})
    name = form.text("subscription")
    if name is None:
        return _of_new(docs, form, details)
    subscription = docs.get("subscription", name, "subscription")
    if subscription["status"] in collecting.OVER:
        raise faults.bad_request("No invoice follows: the subscription is over.", "invoice_upcoming_none")
    if owner := form.text("customer"):
        docs.get("customer", owner, "customer")
    if form.has("discounts"):
        customer = docs.get("customer", subscription["customer"])
        choices = discounts.chosen(docs, form.each("discounts"), customer)
        subscription["discounts"] = discounts.redeem(docs, choices, customer["id"], subscription["id"])
    return _of_known(docs, subscription, details)


def _of_known(docs: Docs, subscription: Document, details: Form) -> Document:
    """What the change costs at once, or what the next period costs after it."""
    if details.flag("cancel_now"):
        for item in subscription["items"]["data"]:
            prorating.credit(docs, subscription, item, details.whole("proration_date") or docs.now)
        return _or_nothing(docs, subscription)
    ends = details.flag("cancel_at_period_end")
    if ends is not None:
        subscription["cancel_at_period_end"] = ends
    changed = changing.change_items(docs, subscription, details)
    if details.text("trial_end") == "now" and subscription["status"] == "trialing":
        subscription.update(status="active", billing_cycle_anchor=docs.now)
        renewing.begin_period(docs, subscription)
        return renewing.cycle_invoice(docs, subscription, "upcoming")
    if changed.restarts:
        return renewing.cycle_invoice(docs, subscription, "upcoming")
    if changed.bills or subscription["cancel_at_period_end"]:
        return _or_nothing(docs, subscription)
    return _next(docs, subscription)


def _next(docs: Docs, subscription: Document) -> Document:
    """The invoice of the period that comes, as it would be when it comes."""
    docs.now = subscription["items"]["data"][0]["current_period_end"]
    if subscription["status"] == "trialing":
        subscription.update(status="active", billing_cycle_anchor=docs.now)
    renewing.begin_period(docs, subscription)
    return renewing.cycle_invoice(docs, subscription, "upcoming")


def _of_new(docs: Docs, form: Form, details: Form) -> Document:
    """The first invoice of a subscription that nobody has yet."""
    owner = form.text("customer")
    customer = docs.get("customer", owner, "customer") if owner else _nobody(docs)
    parts = subscribing.parts_of(docs, details.each("items"))
    if not parts:
        raise faults.bad_request("No invoice follows: there is nothing to pay for.", "invoice_upcoming_none")
    details.choice("proration_behavior", *changing.PRORATIONS)
    wish = subscribing.Wish(
        customer=customer,
        parts=parts,
        currency=form.text("currency") or parts[0].price["currency"],
        trial_end=subscribing.trial_of(docs, details),
        choices=discounts.chosen(docs, form.each("discounts"), customer),
    )
    return subscribing.first_invoice(docs, subscribing.opened(docs, wish))


def _or_nothing(docs: Docs, subscription: Document) -> Document:
    """What waits for an invoice. Raises StripeFault when nothing does."""
    invoice = changing.invoice_of(docs, subscription, restarts=False)
    if invoice is None:
        raise faults.bad_request("No invoice follows: nothing would change.", "invoice_upcoming_none")
    return invoice


def _nobody(docs: Docs) -> Document:
    settings = {"invoice_settings": {"default_payment_method": None}}
    return docs.new("cus", "customer", **CUSTOMER, **settings, invoice_prefix="NOBODY", next_invoice_sequence=1)
