"""What a change in the middle of a period costs, to the second.

Credits give back what was really billed for the time that is left, discounts included, as in Stripe's flexible billing
mode; so each item notes what it was billed for its present period: `_billed`, an amount and the time it was for.
"""

from __future__ import annotations

from fractions import Fraction

from adapters.payments.simulated import lines, money
from adapters.payments.simulated.lines import Entry
from adapters.payments.simulated.store import Docs, Document


def note_billed(docs: Docs, subscription: Document) -> None:
    """Note on each item what its present period costs: nothing during a trial."""
    items = subscription["items"]["data"]
    free = subscription["status"] == "trialing"
    amounts = lines.net_of_items(docs, subscription, items, docs.now)
    for item, amount in zip(items, amounts, strict=True):
        start, end = item["current_period_start"], item["current_period_end"]
        item["_billed"] = {"amount": 0 if free else amount, "start": start, "end": end}


def credit(docs: Docs, subscription: Document, item: Document, at: int) -> Document | None:
    """What is given back of an item when it ends at a moment of its period; None when nothing was billed for it."""
    billed = item["_billed"]
    if not billed["amount"] or at >= billed["end"]:
        return None
    start = max(at, billed["start"])
    share = Fraction(billed["end"] - start, billed["end"] - billed["start"])
    amount = -money.rounded(billed["amount"] * share, subscription["currency"])
    return _pending(docs, subscription, item, amount, at, "Unused: ")


def debit(docs: Docs, subscription: Document, item: Document, at: int) -> Document | None:
    """What the rest of the period costs for an item that begins in it, which is noted on the item as well."""
    start, end = item["current_period_start"], item["current_period_end"]
    items = subscription["items"]["data"]
    net = lines.net_of_items(docs, subscription, items, at)[items.index(item)]
    amount = money.rounded(net * Fraction(end - at, end - start), subscription["currency"])
    item["_billed"] = {"amount": amount, "start": at, "end": end}
    return _pending(docs, subscription, item, amount, at, "") if at < end else None


def _pending(docs: Docs, subscription: Document, item: Document, amount: int, at: int, prefix: str) -> Document:
    """An amount that waits for the next invoice."""
    price = docs.get("price", item["price"])
    entry = Entry(
        amount=amount,
        currency=subscription["currency"],
        description=f"{prefix}{lines.name_of(docs, price)} x{item['quantity']}",
        period={"start": at, "end": item["current_period_end"]},
        price=price,
        quantity=item["quantity"],
        subscription=subscription["id"],
        item=item["id"],
        proration=True,
        discountable=False,
    )
    return new_invoice_item(docs, subscription["customer"], entry)


def new_invoice_item(docs: Docs, customer: str, entry: Entry) -> Document:
    """An amount that waits for an invoice, told to everybody."""
    details = {"subscription": entry.subscription, "subscription_item": entry.item}
    made = docs.new(
        "ii",
        "invoiceitem",
        amount=entry.amount,
        currency=entry.currency,
        customer=customer,
        date=docs.now,
        description=entry.description,
        discountable=entry.discountable,
        discounts=[],
        invoice=None,
        metadata=entry.metadata,
        net_amount=entry.amount,
        parent={"type": "subscription_details", "subscription_details": details} if entry.subscription else None,
        period=entry.period,
        pricing=lines.priced(entry.price, entry.currency),
        proration=entry.proration,
        proration_details={"credited_items": None, "discount_amounts": []} if entry.proration else None,
        quantity=entry.quantity,
        quantity_decimal=str(entry.quantity),
        tax_rates=[],
        test_clock=None,
        _pending=True,
    )
    docs.emit("invoiceitem.created", made)
    return made
