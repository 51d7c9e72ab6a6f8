"""What subscriptions can be asked."""

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
)
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Document

SUBSCRIPTIONS, SUBSCRIPTION = "/v1/subscriptions", "/v1/subscriptions/{id}"
STATES = ("active", "past_due", "unpaid", "canceled", "incomplete", "incomplete_expired", "trialing", "paused")
ENDED, ALL = "ended", "all"


@route("POST", SUBSCRIPTIONS)
def create(ask: Ask) -> Document:
    """A new subscription of a customer."""
    docs, form = ask.docs, ask.form
    customer = docs.get("customer", form.need("customer"), "customer")
    parts = subscribing.parts_of(docs, form.each("items"))
    if not parts:
        raise faults.bad_parameter("parameter_missing", "items")
    form.choice("collection_method", "charge_automatically")
    form.flag("off_session")
    settings = form.child("payment_settings")
    saves = settings.choice("save_default_payment_method", "off", "on_subscription") if settings else None
    wish = subscribing.Wish(
        customer=customer,
        parts=parts,
        currency=form.text("currency") or parts[0].price["currency"],
        trial_end=subscribing.trial_of(docs, form),
        missing=subscribing.missing_of(form.child("trial_settings")) or "create_invoice",
        method=subscribing.method_of(docs, form, customer),
        choices=discounts.chosen(docs, form.each("discounts"), customer),
        metadata=form.metadata(),
        behavior=form.choice("payment_behavior", *subscribing.BEHAVIORS) or "allow_incomplete",
        description=form.text("description"),
        saves_card=saves == "on_subscription",
    )
    form.choice("proration_behavior", *changing.PRORATIONS)
    subscription = subscribing.begin(docs, wish)
    if form.flag("cancel_at_period_end"):
        end = subscription["items"]["data"][0]["current_period_end"]
        subscription.update(cancel_at_period_end=True, cancel_at=end, canceled_at=docs.now)
        docs.update(subscription, changing.UPDATED)
    return subscription


@route("GET", SUBSCRIPTION)
def retrieve(ask: Ask) -> Document:
    """One subscription, ended or not."""
    return ask.docs.get("subscription", ask.id)


@route("GET", SUBSCRIPTIONS)
def listed(ask: Ask) -> Document:
    """Those that have not been canceled, or those of a state, a customer or a price."""
    where = ask.filters("customer")
    status = ask.form.choice("status", *STATES, ENDED, ALL)
    if status is None:
        where["status"] = [state for state in STATES if state != "canceled"]
    elif status == ENDED:
        where["status"] = list(collecting.OVER)
    elif status != ALL:
        where["status"] = status
    if price := ask.form.text("price"):
        where["items.data[0].price"] = price
    return ask.listed("subscription", where)


@route("POST", SUBSCRIPTION)
def update(ask: Ask) -> Document:
    """Change what is named."""
    return changing.change(ask.docs, ask.docs.get("subscription", ask.id), ask.form)


@route("DELETE", SUBSCRIPTION)
def cancel(ask: Ask) -> Document:
    """End it now; `prorate` gives back what is left of the period, on an invoice if `invoice_now`."""
    docs, form = ask.docs, ask.form
    subscription = docs.get("subscription", ask.id)
    if subscription["status"] in collecting.OVER:
        raise faults.missing("subscription", ask.id)
    details = form.child("cancellation_details")
    for name in ("comment", "feedback"):
        if details and details.has(name):
            subscription["cancellation_details"][name] = details.text(name)
    if form.flag("prorate"):
        for item in subscription["items"]["data"]:
            prorating.credit(docs, subscription, item, docs.now)
    if form.flag("invoice_now"):
        invoice = changing.invoice_of(docs, subscription, restarts=False)
        if invoice:
            collecting.charge(docs, invoicing.finalize(docs, invoice))
    return collecting.end(docs, subscription, "cancellation_requested")


@route("POST", f"{SUBSCRIPTION}/resume")
def resume(ask: Ask) -> Document:
    """Go on after a pause, with a new period from now on, once its invoice is paid."""
    docs = ask.docs
    subscription = docs.get("subscription", ask.id)
    if subscription["status"] != "paused":
        raise faults.bad_request("Only a paused subscription can be resumed.")
    if ask.form.choice("billing_cycle_anchor", "now", "unchanged") != "unchanged":
        subscription["billing_cycle_anchor"] = docs.now
    ask.form.choice("proration_behavior", *changing.PRORATIONS)
    renewing.begin_period(docs, subscription)
    invoice = renewing.cycle_invoice(docs, subscription, "subscription_update")
    collecting.charge(docs, invoicing.finalize(docs, invoice))
    return subscription


@route("DELETE", f"{SUBSCRIPTION}/discount")
def delete_discount(ask: Ask) -> Document:
    """Take every discount away from a subscription."""
    subscription = ask.docs.get("subscription", ask.id)
    gone = [ask.docs.get("discount", name) for name in subscription["discounts"]]
    if not gone:
        raise faults.missing("discount", ask.id)
    subscription["discounts"] = []
    ask.docs.update(subscription, changing.UPDATED)
    for discount in gone:
        discount["end"] = ask.docs.now
        ask.docs.save(discount)
        ask.docs.emit("customer.discount.deleted", discount)
    return {**gone[0], "deleted": True}
