"""What a change in the middle of a period costs, to the second.

Credits give back what was really billed for the time that is left, discounts included, as in Stripe's flexible billing
mode; so each item notes what it was billed for its present period: `_billed`, an amount and the time it was for.
"""

from __future__ import annotations

from fractions import Fraction

from adapters.payments.simulated import lines, money
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
    return new_invoice_item(
        docs,
        customer=subscription["customer"],
        currency=subscription["currency"],
        amount=amount,
        description=f"{prefix}{lines.name_of(docs, price)} x{item['quantity']}",
        period={"start": at, "end": item["current_period_end"]},
        price=price,
        quantity=item["quantity"],
        subscription=subscription["id"],
        item=item["id"],
        proration=True,
        discountable=False,
    )


def new_invoice_item(
    docs: Docs,
    *,
    customer: str,
    currency: str,
    amount: int,
    description: str | None,
    period: Document,
    price: Document | None = None,
    quantity: int = 1,
    subscription: str | None = None,
    item: str | None = None,
    proration: bool = False,
    discountable: bool = True,
    metadata: Document | None = None,
) -> Document:
    """An amount that waits for an invoice, told to everybody."""
    details = {"subscription": subscription, "subscription_item": item}
    made = docs.new(
        "ii",
        "invoiceitem",
        amount=amount,
        currency=currency,
        customer=customer,
        date=docs.now,
        description=description,
        discountable=discountable,
        discounts=[],
        invoice=None,
        metadata=metadata or {},
        net_amount=amount,
        parent={"type": "subscription_details", "subscription_details": details} if subscription else None,
        period=period,
        pricing=lines.priced(price, currency),
        proration=proration,
        proration_details={"credited_items": None, "discount_amounts": []} if proration else None,
        quantity=quantity,
        tax_rates=[],
        test_clock=None,
        _pending=True,
    )
    docs.emit("invoiceitem.created", made)
    return made
