"""Invoices in the making: a draft gathers lines and discounts; finalized, it can be paid."""

from __future__ import annotations

from typing import Any

from adapters.payments.simulated import faults, intents, lines
from adapters.payments.simulated.store import Docs, Document

DRAFT = 3_600
"""Seconds for which the invoice of a renewal stays a draft."""
UNKNOWN = (
    "account_tax_ids",
    "application",
    "automatically_finalizes_at",
    "confirmation_secret",
    "custom_fields",
    "customer_address",
    "customer_shipping",
    "default_payment_method",
    "default_source",
    "description",
    "due_date",
    "effective_at",
    "ending_balance",
    "footer",
    "from_invoice",
    "hosted_invoice_url",
    "invoice_pdf",
    "last_finalization_error",
    "latest_revision",
    "next_payment_attempt",
    "number",
    "on_behalf_of",
    "receipt_number",
    "rendering",
    "shipping_cost",
    "shipping_details",
    "statement_descriptor",
    "test_clock",
    "threshold_reason",
    "webhooks_delivered_at",
    "_intent",
)
NOTHING = (
    "amount_due",
    "amount_overpaid",
    "amount_paid",
    "amount_remaining",
    "amount_shipping",
    "attempt_count",
    "post_payment_credit_notes_amount",
    "pre_payment_credit_notes_amount",
    "starting_balance",
    "subtotal",
    "total",
)
"""Fields of an invoice that begin as null, and as zero."""


def draft(
    docs: Docs,
    customer: Document,
    own: list[Document],
    *,
    reason: str,
    currency: str,
    subscription: Document | None = None,
    period: tuple[int, int] | None = None,
    discount_names: list[str] | None = None,
    pending: bool = True,
    auto_advance: bool = True,
) -> Document:
    """An invoice of these lines and, if wanted, of all that waits for one, after discounts."""
    waiting = _waiting(docs, customer, subscription, currency) if pending else []
    content = [lines.for_invoice_item(docs, item) for item in waiting] + own
    blank = _blank(customer, currency, reason, subscription)
    invoice = docs.new("in", "invoice", auto_advance=auto_advance, **blank)
    invoice["period_start"], invoice["period_end"] = period or (docs.now, docs.now)
    for line in content:
        line["invoice"] = invoice["id"]
    for item in waiting:
        item.update(invoice=invoice["id"], _pending=False)
        docs.save(item)
    invoice["lines"]["data"] = content
    names = discount_names if discount_names is not None else (subscription["discounts"] if subscription else [])
    _discount(docs, invoice, names, at=content[-1]["period"]["start"] if content else docs.now)
    docs.save(invoice)
    docs.emit("invoice.created", invoice)
    if subscription is not None:
        subscription["latest_invoice"] = invoice["id"]
        docs.save(subscription)
    return invoice


def join(docs: Docs, invoice: Document, item: Document) -> None:
    """Put something that waits on a draft. Raises StripeFault for any other invoice."""
    if invoice["status"] != "draft" or invoice["currency"] != item["currency"]:
        raise faults.bad_request("It cannot be added to this invoice.", param="invoice")
    line = lines.for_invoice_item(docs, item)
    line["invoice"] = invoice["id"]
    invoice["lines"]["data"].append(line)
    item.update(invoice=invoice["id"], _pending=False)
    docs.save(item)
    total(invoice)
    docs.update(invoice, "invoice.updated")


def total(invoice: Document) -> None:
    """Add up what stands on a draft."""
    subtotal = sum(line["amount"] for line in invoice["lines"]["data"])
    less = sum(part["amount"] for part in invoice["total_discount_amounts"])
    invoice.update(subtotal=subtotal, subtotal_excluding_tax=subtotal)
    invoice.update(total=subtotal - less, total_excluding_tax=subtotal - less)
    due = max(0, invoice["total"])
    invoice.update(amount_due=due, amount_remaining=due)


def weigh(customer: Document, invoice: Document) -> None:
    """Let the customer's balance count: what Stripe owes them is spent, and what an invoice leaves over is added."""
    before = customer["balance"]
    invoice["starting_balance"] = before
    after = min(0, before + invoice["total"])
    due = max(0, invoice["total"] + before)
    invoice.update(ending_balance=after, amount_due=due, amount_remaining=due)


def finalize(docs: Docs, invoice: Document) -> Document:
    """Make a draft an invoice that can be paid. It is not charged yet."""
    customer = docs.get("customer", invoice["customer"])
    weigh(customer, invoice)
    if customer["balance"] != invoice["ending_balance"]:
        customer["balance"] = invoice["ending_balance"]
        docs.update(customer, "customer.updated")
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer["next_invoice_sequence"] += 1
    docs.save(customer)
    address = f"{docs.rules.public_url}/simulated-stripe/invoices/{invoice['id']}"
    invoice.update(status="open", number=number, effective_at=docs.now, automatically_finalizes_at=None)
    invoice.update(hosted_invoice_url=address, invoice_pdf=f"{address}/pdf")
    invoice["status_transitions"]["finalized_at"] = docs.now
    if invoice["amount_due"]:
        _ask_for_payment(docs, invoice)
    docs.save(invoice)
    docs.emit("invoice.finalized", invoice)
    return invoice


def close(docs: Docs, invoice: Document, status: str) -> Document:
    """Void an invoice, or give it up as uncollectible."""
    moment = "voided_at" if status == "void" else "marked_uncollectible_at"
    invoice.update(status=status, auto_advance=False, next_payment_attempt=None)
    invoice["status_transitions"][moment] = docs.now
    if status == "void":
        invoice["amount_remaining"] = 0
        if invoice["_intent"]:
            intents.cancel(docs, docs.get("payment_intent", invoice["_intent"]), "void_invoice")
            for paying in payments_of(docs, invoice):
                paying["status"], paying["status_transitions"]["canceled_at"] = "canceled", docs.now
                docs.save(paying)
    return docs.update(invoice, "invoice.voided" if status == "void" else "invoice.marked_uncollectible")


def payments_of(docs: Docs, invoice: Document) -> list[Document]:
    """What was, or is to be, paid towards an invoice."""
    return [docs.get("invoice_payment", name) for name in invoice["payments"]["data"]]


def subscription_of(docs: Docs, invoice: Document) -> Document | None:
    """What an invoice is for, if it is there."""
    if invoice["parent"] is None:
        return None
    return docs.find(invoice["parent"]["subscription_details"]["subscription"])


def _waiting(docs: Docs, customer: Document, subscription: Document | None, currency: str) -> list[Document]:
    """What waits for an invoice of this subscription, or of none."""
    found = docs.all("invoiceitem", {"customer": customer["id"], "_pending": True, "currency": currency})
    mine = subscription and subscription["id"]

    return [item for item in found if lines.subscription_of(item) in {mine, None}]


def _discount(docs: Docs, invoice: Document, names: list[str], at: int) -> None:
    """Take discounts from what may be discounted. Whoever counts only once is over then."""
    content = [line for line in invoice["lines"]["data"] if line["discountable"] and line["amount"] > 0]
    amounts = [line["amount"] for line in content]
    for name, taken in lines.discounted(docs, names, amounts, invoice["currency"], at).items():
        if not sum(taken):
            continue
        invoice["discounts"].append(name)
        invoice["total_discount_amounts"].append({"amount": sum(taken), "discount": name})
        for line, amount in zip(content, taken, strict=True):
            line["discount_amounts"].append({"amount": amount, "discount": name})
        _used(docs, docs.get("discount", name))
    total(invoice)


def _used(docs: Docs, discount: Document) -> None:
    if discount["_coupon"]["duration"] == "once" and discount["subscription"]:
        discount["end"] = docs.now
        docs.save(discount)
        subscription = docs.get("subscription", discount["subscription"])
        subscription["discounts"].remove(discount["id"])
        docs.save(subscription)
        docs.emit("customer.discount.deleted", discount)


def _ask_for_payment(docs: Docs, invoice: Document) -> None:
    intent = intents.new_payment(
        docs,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description=f"Invoice {invoice['number']}",
        invoice=invoice["id"],
    )
    invoice["_intent"] = intent["id"]
    invoice["confirmation_secret"] = {"client_secret": intent["client_secret"], "type": "payment_intent"}
    paying = docs.new(
        "inpay",
        "invoice_payment",
        amount_paid=None,
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"payment_intent": intent["id"], "type": "payment_intent"},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )
    invoice["payments"]["data"].append(paying["id"])


def _blank(customer: Document, currency: str, reason: str, subscription: Document | None) -> dict[str, Any]:
    details = subscription and {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    return {
        **dict.fromkeys(UNKNOWN),
        **dict.fromkeys(NOTHING, 0),
        "account_country": "US",
        "account_name": "Simulated",
        "attempted": False,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "status": None},
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "currency": currency,
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "lines": {"object": "list", "data": [], "has_more": False, "url": "/v1/invoices/lines"},
        "metadata": {},
        "parent": details and {"quote_details": None, "subscription_details": details, "type": "subscription_details"},
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "payments": {"object": "list", "data": [], "has_more": False, "url": "/v1/invoice_payments"},
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }
