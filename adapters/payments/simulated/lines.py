"""What stands on invoices: the lines of subscriptions, and how much discounts take from each."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from adapters.payments.simulated import discounts, money
from adapters.payments.simulated.products import amount_of
from adapters.payments.simulated.store import Docs, Document, new_id


def of_item(docs: Docs, item: Document, currency: str) -> int:
    """What a subscription's item costs for a whole period, before discounts."""
    price = docs.get("price", item["price"])
    return money.rounded(Fraction(amount_of(price, currency)) * item["quantity"], currency)


def net_of_items(docs: Docs, subscription: Document, items: list[Document], at: int) -> list[int]:
    """What each of the items costs for a whole period, after the subscription's discounts of that moment."""
    currency = subscription["currency"]
    amounts = [of_item(docs, item, currency) for item in items]
    for taken in discounted(docs, subscription["discounts"], amounts, currency, at).values():
        amounts = [amount - less for amount, less in zip(amounts, taken, strict=True)]
    return amounts


def discounted(docs: Docs, names: list[str], amounts: list[int], currency: str, at: int) -> dict[str, list[int]]:
    """What each discount takes from each amount, one discount after the other. Nothing goes below zero."""
    left, taken = [max(0, amount) for amount in amounts], {}
    for name in names:
        share, amount = discounts.off(docs.get("discount", name), at, currency)
        total = sum(left)
        parts = money.spread(min(total, money.rounded(share * total, currency) + amount), left, currency)
        left = [rest - part for rest, part in zip(left, parts, strict=True)]
        taken[name] = parts
    return taken


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An amount and what it is for. `item` and `subscription` are ids; times are Unix time."""

    amount: int
    currency: str
    description: str | None
    period: Document
    price: Document | None = None
    quantity: int = 1
    subscription: str | None = None
    item: str | None = None
    proration: bool = False
    discountable: bool = True
    metadata: Document = field(default_factory=dict)


def for_period(docs: Docs, subscription: Document, item: Document, *, free: bool = False) -> Document:
    """The line of an item for its present period; `free` is the line of a trial."""
    price = docs.get("price", item["price"])
    entry = Entry(
        amount=0 if free else of_item(docs, item, subscription["currency"]),
        currency=subscription["currency"],
        description=f"{'Trial of ' if free else ''}{name_of(docs, price)} x{item['quantity']}",
        period={"start": item["current_period_start"], "end": item["current_period_end"]},
        price=price,
        quantity=item["quantity"],
        subscription=subscription["id"],
        item=item["id"],
    )
    return line(entry)


def for_invoice_item(docs: Docs, pending: Document) -> Document:
    """The line that something waiting for an invoice becomes."""
    parent = pending["parent"]
    entry = Entry(
        amount=pending["amount"],
        currency=pending["currency"],
        description=pending["description"],
        period=pending["period"],
        price=pending["pricing"] and docs.get("price", pending["pricing"]["price_details"]["price"]),
        quantity=pending["quantity"],
        subscription=subscription_of(pending),
        item=parent and parent["subscription_details"]["subscription_item"],
        proration=pending["proration"],
        discountable=pending["discountable"],
        metadata=pending["metadata"],
    )
    return line(entry, pending["id"])


def subscription_of(pending: Document) -> str | None:
    """The id of the subscription that something waiting for an invoice belongs to."""
    details = pending["parent"] and pending["parent"]["subscription_details"]
    return details and str(details["subscription"])


def line(entry: Entry, invoice_item: str | None = None) -> Document:
    """A line of an invoice, of something that has waited for it or of a subscription's period."""
    kind = "invoice_item_details" if invoice_item else "subscription_item_details"
    details: dict[str, Any] = {
        "invoice_item": invoice_item,
        "proration": entry.proration,
        "proration_details": {"credited_items": None} if entry.proration else None,
        "subscription": entry.subscription,
    }
    if not invoice_item:
        details["subscription_item"] = entry.item
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": entry.amount,
        "currency": entry.currency,
        "description": entry.description,
        "discount_amounts": [],
        "discountable": entry.discountable,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": entry.metadata,
        "parent": {"invoice_item_details": None, "subscription_item_details": None, "type": kind, kind: details},
        "period": entry.period,
        "pretax_credit_amounts": [],
        "pricing": priced(entry.price, entry.currency),
        "quantity": entry.quantity,
        "quantity_decimal": str(entry.quantity),
        "subscription": entry.subscription,
        "subtotal": entry.amount,
        "taxes": [],
    }


def priced(price: Document | None, currency: str) -> Document | None:
    """How a line tells its price."""
    if price is None:
        return None
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": str(amount_of(price, currency)),
    }


def name_of(docs: Docs, price: Document) -> str:
    """What people call what is sold."""
    return str(docs.get("product", price["product"])["name"])
