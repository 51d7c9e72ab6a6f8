"""Subscriptions: how they begin, are told, end, and go on after a pause."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from adapters.payments.simulated import collecting, discounts, faults, invoicing, lines, prorating, wallets
from adapters.payments.simulated.discounts import Choice
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.intents import Outcome
from adapters.payments.simulated.periods import following
from adapters.payments.simulated.products import amount_of, sellable
from adapters.payments.simulated.store import Docs, Document, new_id

DAY = 86_400
WARNING = 3 * DAY
"""Seconds before a trial's end at which it is told."""
BEHAVIORS = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
LONGEST_TRIAL = 730 * DAY
UNKNOWN = (
    "application",
    "application_fee_percent",
    "billing_cycle_anchor_config",
    "billing_thresholds",
    "cancel_at",
    "canceled_at",
    "days_until_due",
    "default_source",
    "ended_at",
    "latest_invoice",
    "next_pending_invoice_item_invoice",
    "on_behalf_of",
    "pause_collection",
    "pending_invoice_item_interval",
    "pending_setup_intent",
    "pending_update",
    "schedule",
    "test_clock",
    "transfer_data",
    "trial_end",
    "trial_start",
    "_pending",
    "_warn_at",
)
"""Fields that begin as null."""


@dataclass(frozen=True)
class Part:
    """One thing that is subscribed to."""

    price: Document
    quantity: int = 1
    metadata: Document = field(default_factory=dict)


@dataclass(frozen=True)
class Wish:
    """What a subscription is to be. `missing` says what follows a trial without a card; times are Unix time.

    `saves_card` makes the card that pays an invoice the subscription's own.
    """

    customer: Document
    parts: list[Part]
    currency: str
    trial_end: int | None = None
    missing: str = "create_invoice"
    method: str | None = None
    choices: list[Choice] = field(default_factory=list)
    metadata: Document = field(default_factory=dict)
    behavior: str = "allow_incomplete"
    description: str | None = None
    saves_card: bool = False


def begin(docs: Docs, wish: Wish) -> Document:
    """A new subscription with its first invoice, charged unless its payment is to be made by others.

    Raises StripeFault for a card that is declined, where the wish is that nothing is left then.
    """
    subscription = opened(docs, wish)
    invoice = first_invoice(docs, subscription)
    docs.emit("customer.subscription.created", subscription)
    invoicing.finalize(docs, invoice)
    waits = wish.behavior == "default_incomplete" and invoice["amount_due"]
    if not waits:
        outcome = collecting.charge(docs, invoice)
        if outcome == Outcome():
            raise declined(outcome, kept=False)
        require(outcome, wish.behavior)
    return subscription


def require(outcome: Outcome, behavior: str) -> None:
    """Raises StripeFault, and undoes all, where a payment that failed must leave nothing behind."""
    if not outcome.paid and behavior == "error_if_incomplete":
        raise declined(outcome, kept=False)


def declined(outcome: Outcome, *, kept: bool) -> faults.StripeFault:
    """A payment that failed, as an error."""
    if outcome.action:
        fault = faults.bad_card("subscription_payment_intent_requires_action")
    elif outcome.code:
        fault = faults.bad_card(outcome.code, decline_code=outcome.reason)
    else:
        fault = faults.bad_request("There is no payment method that could be charged.", "resource_missing")
    fault.kept = kept
    return fault


def opened(docs: Docs, wish: Wish) -> Document:
    """The subscription itself, without an invoice and untold. Raises StripeFault."""
    _one_currency(docs, wish)
    subscription = docs.new("sub", "subscription", **_blank(docs, wish))
    items = [_item(docs, subscription, part) for part in wish.parts]
    subscription["items"]["data"] = items
    subscription["discounts"] = discounts.redeem(docs, wish.choices, wish.customer["id"], subscription["id"])
    end = wish.trial_end or following(docs.now, recurring_of(docs, items), docs.now)
    for item in items:
        item.update(current_period_start=docs.now, current_period_end=end)
    if wish.trial_end:
        begin_trial(docs, subscription, wish.trial_end)
    prorating.note_billed(docs, subscription)
    docs.save(subscription)
    wish.customer["currency"] = wish.customer["currency"] or wish.currency
    docs.save(wish.customer)
    return subscription


def begin_trial(docs: Docs, subscription: Document, end: int) -> None:
    """Let a subscription be free until then, when its periods begin."""
    subscription.update(status="trialing", trial_start=docs.now, trial_end=end, billing_cycle_anchor=end)
    subscription["_warn_at"] = max(end - WARNING, docs.now)


def first_invoice(docs: Docs, subscription: Document) -> Document:
    """The draft of what is due at the start: nothing, for a trial."""
    free = subscription["status"] == "trialing"
    items = subscription["items"]["data"]
    return invoicing.draft(
        docs,
        docs.get("customer", subscription["customer"]),
        [lines.for_period(docs, subscription, item, free=free) for item in items],
        reason="subscription_create",
        currency=subscription["currency"],
        subscription=subscription,
    )


def add_item(docs: Docs, subscription: Document, part: Part) -> Document:
    """One thing more, for the rest of the period."""
    item = _item(docs, subscription, part)
    first = subscription["items"]["data"][0]
    item.update({name: first[name] for name in ("current_period_start", "current_period_end")})
    item["_billed"] = {"amount": 0, "start": docs.now, "end": item["current_period_end"]}
    subscription["items"]["data"].append(item)
    return item


def recurring_of(docs: Docs, items: list[Document]) -> Document:
    """How often the items are due. Raises StripeFault when they differ."""
    found = [docs.get("price", item["price"])["recurring"] for item in items]
    if not found:
        raise faults.bad_request("A subscription needs an item.", "parameter_missing", "items")
    if any(
        (each["interval"], each["interval_count"]) != (found[0]["interval"], found[0]["interval_count"])
        for each in found
    ):
        raise faults.bad_request("Items of one subscription recur equally often here.", param="items")
    recurring: Document = found[0]
    return recurring


def parts_of(docs: Docs, forms: list[Form]) -> list[Part]:
    """Items from their parameters. Raises StripeFault."""
    return [part_of(docs, form) for form in forms]


def part_of(docs: Docs, form: Form) -> Part:
    """One item from its parameters. Raises StripeFault."""
    price = sellable(docs, form.need("price"), form.path("price"))
    return Part(price, quantity_of(form) or 1, form.metadata())


def quantity_of(form: Form) -> int | None:
    """How many of an item. Raises StripeFault."""
    quantity = form.whole("quantity")
    if quantity is not None and quantity < 0:
        raise faults.bad_parameter("parameter_invalid_integer", form.path("quantity"))
    return quantity


def trial_of(docs: Docs, form: Form) -> int | None:
    """When a trial is to end, from what a form says. Raises StripeFault."""
    raw, days = form.text("trial_end"), form.whole("trial_period_days")
    if raw == "now" or (raw is None and not days):
        return None
    end = docs.now + days * DAY if days else form.whole("trial_end")
    if end is None or not docs.now < end <= docs.now + LONGEST_TRIAL:
        raise faults.bad_parameter("parameter_invalid", form.path("trial_end"))
    return end


def missing_of(form: Form | None) -> str | None:
    """What is to follow a trial without a card, from `trial_settings`. Raises StripeFault."""
    end = form.child("end_behavior") if form else None
    return end.choice("missing_payment_method", "cancel", "create_invoice", "pause") if end else None


def method_of(docs: Docs, form: Form, customer: Document) -> str | None:
    """The card that is named to pay. Raises StripeFault when it is not the customer's."""
    name = form.text("default_payment_method")
    return wallets.owned(docs, name, customer, "default_payment_method")["id"] if name else None


def _item(docs: Docs, subscription: Document, part: Part) -> Document:
    amount_of(part.price, subscription["currency"])
    return {
        "id": new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": docs.now,
        "current_period_end": None,
        "current_period_start": None,
        "discounts": [],
        "metadata": part.metadata,
        "price": part.price["id"],
        "quantity": part.quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _one_currency(docs: Docs, wish: Wish) -> None:
    """Who pays in one currency cannot subscribe in another. Raises StripeFault."""
    own = wish.customer["currency"]
    if own in {None, wish.currency}:
        return
    others = docs.all("subscription", {"customer": wish.customer["id"]})
    if any(other["status"] not in collecting.OVER for other in others):
        raise faults.bad_request("This customer pays in another currency.", param="currency")
    wish.customer["currency"] = wish.currency


def _blank(docs: Docs, wish: Wish) -> dict[str, Any]:
    return {
        **dict.fromkeys(UNKNOWN),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": docs.now,
        "billing_schedules": [],
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "currency": wish.currency,
        "customer": wish.customer["id"],
        "default_payment_method": wish.method,
        "default_tax_rates": [],
        "description": wish.description,
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {"object": "list", "data": [], "has_more": False, "url": "/v1/subscription_items"},
        "metadata": wish.metadata,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "on_subscription" if wish.saves_card else "off",
        },
        "start_date": docs.now,
        "status": "incomplete",
        "trial_settings": {"end_behavior": {"missing_payment_method": wish.missing}},
    }
