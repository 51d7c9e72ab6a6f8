"""What invoices, what waits for one, and what was paid towards one can be asked."""

from __future__ import annotations

from adapters.payments.simulated import collecting, faults, invoicing, prorating, subscribing, views, wallets
from adapters.payments.simulated.lines import Entry
from adapters.payments.simulated.products import currency_of
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Document

INVOICES, INVOICE = "/v1/invoices", "/v1/invoices/{id}"
ITEMS, ITEM = "/v1/invoiceitems", "/v1/invoiceitems/{id}"
PARENT = "parent.subscription_details.subscription"
STATES = ("draft", "open", "paid", "uncollectible", "void")


@route("POST", INVOICES)
def create(ask: Ask) -> Document:
    """A draft by hand, of what waits for an invoice."""
    docs, form = ask.docs, ask.form
    customer = docs.get("customer", form.need("customer"), "customer")
    name = form.text("subscription")
    subscription = docs.get("subscription", name, "subscription") if name else None
    pending = form.choice("pending_invoice_items_behavior", "include", "exclude")
    form.choice("collection_method", "charge_automatically")
    currency = form.text("currency") or (subscription or customer)["currency"] or "usd"
    invoice = invoicing.draft(
        docs,
        customer,
        [],
        reason="manual",
        currency=currency,
        subscription=subscription,
        pending=pending == "include" or (pending is None and subscription is not None),
        auto_advance=form.flag("auto_advance") or False,
    )
    if invoice["auto_advance"]:
        invoice["automatically_finalizes_at"] = docs.now + invoicing.DRAFT
    _write(ask, invoice)
    docs.save(invoice)
    return invoice


@route("POST", INVOICE)
def update(ask: Ask) -> Document:
    """Change what is noted on it, who pays it, and whether it goes on by itself."""
    invoice = ask.docs.get("invoice", ask.id)
    _write(ask, invoice)
    if (advance := ask.form.flag("auto_advance")) is not None:
        invoice["auto_advance"] = advance
    return ask.docs.update(invoice, "invoice.updated")


@route("GET", INVOICE)
def retrieve(ask: Ask) -> Document:
    """One invoice."""
    return ask.docs.get("invoice", ask.id)


@route("GET", INVOICES)
def listed(ask: Ask) -> Document:
    """All, or those of a customer, a subscription or a state."""
    where = ask.filters("customer", "collection_method")
    if subscription := ask.form.text("subscription"):
        where[PARENT] = subscription
    if status := ask.form.choice("status", *STATES):
        where["status"] = status
    return ask.listed("invoice", where)


@route("DELETE", INVOICE)
def delete(ask: Ask) -> Document:
    """Only a draft that no subscription made can be deleted."""
    invoice = _in(ask, "draft")
    if invoice["billing_reason"] != "manual":
        raise faults.bad_request("A draft of a subscription cannot be deleted. Void it.")
    for item in ask.docs.all("invoiceitem", {"invoice": invoice["id"]}):
        item.update(invoice=None, _pending=True)
        ask.docs.save(item)
    ask.docs.emit("invoice.deleted", invoice)
    return ask.docs.delete(invoice)


@route("POST", f"{INVOICE}/finalize")
def finalize(ask: Ask) -> Document:
    """Make a draft one that can be paid; when nothing is due it is paid."""
    invoice = invoicing.finalize(ask.docs, _in(ask, "draft"))
    if (advance := ask.form.flag("auto_advance")) is not None:
        invoice["auto_advance"] = advance
    if not invoice["amount_due"]:
        collecting.settle(ask.docs, invoice)
    elif invoice["auto_advance"]:
        invoice["next_payment_attempt"] = ask.docs.now + invoicing.DRAFT
    ask.docs.save(invoice)
    return invoice


@route("POST", f"{INVOICE}/pay")
def pay(ask: Ask) -> Document:
    """Charge it now, or note that it was paid elsewhere. A card that does not pay is an error, and is noted too."""
    invoice = _in(ask, "draft", "open", "uncollectible")
    if invoice["status"] == "draft":
        invoicing.finalize(ask.docs, invoice)
    ask.form.flag("off_session")
    elsewhere, name = ask.form.flag("paid_out_of_band"), ask.form.text("payment_method")
    if elsewhere:
        collecting.settle(ask.docs, invoice, elsewhere=True)
        return invoice
    customer = ask.docs.get("customer", invoice["customer"])
    method = wallets.owned(ask.docs, name, customer, "payment_method") if name else None
    outcome = collecting.charge(ask.docs, invoice, method)
    if not outcome.paid:
        raise subscribing.declined(outcome, kept=True)
    return invoice


@route("POST", f"{INVOICE}/void")
def void(ask: Ask) -> Document:
    """It is as if it had never been."""
    return invoicing.close(ask.docs, _in(ask, "open", "uncollectible"), "void")


@route("POST", f"{INVOICE}/mark_uncollectible")
def mark_uncollectible(ask: Ask) -> Document:
    """Nobody expects it to be paid."""
    return invoicing.close(ask.docs, _in(ask, "open"), "uncollectible")


@route("GET", f"{INVOICE}/lines")
def lines(ask: Ask) -> Document:
    """What stands on it."""
    found = ask.docs.get("invoice", ask.id)["lines"]["data"]
    after = ask.form.text("starting_after")
    names = [line["id"] for line in found]
    if after is not None and after not in names:
        raise faults.missing("line_item", after, "starting_after")
    return views.page(ask.path, found[names.index(after) + 1 if after else 0 :], ask.limit())


@route("GET", "/v1/invoice_payments")
def payments(ask: Ask) -> Document:
    """What was paid, or is to be, for an invoice or by a state."""
    return ask.listed("invoice_payment", ask.filters("invoice", "status"))


@route("GET", "/v1/invoice_payments/{id}")
def payment(ask: Ask) -> Document:
    """One payment of an invoice."""
    return ask.docs.get("invoice_payment", ask.id)


@route("POST", ITEMS)
def create_item(ask: Ask) -> Document:
    """An amount that waits for the customer's next invoice, or joins a draft."""
    docs, form = ask.docs, ask.form
    customer = docs.get("customer", form.need("customer"), "customer")
    amount, name = form.whole("amount"), form.text("subscription")
    if amount is None:
        raise faults.bad_parameter("parameter_missing", "amount")
    discountable = form.flag("discountable")
    entry = Entry(
        amount=amount,
        currency=currency_of(form, "currency"),
        description=form.text("description"),
        period={"start": docs.now, "end": docs.now},
        subscription=docs.get("subscription", name, "subscription")["id"] if name else None,
        discountable=amount > 0 if discountable is None else discountable,
        metadata=form.metadata(),
    )
    item = prorating.new_invoice_item(docs, customer["id"], entry)
    if into := form.text("invoice"):
        invoicing.join(docs, docs.get("invoice", into, "invoice"), item)
    return item


@route("GET", ITEM)
def retrieve_item(ask: Ask) -> Document:
    """One of them."""
    return ask.docs.get("invoiceitem", ask.id)


@route("GET", ITEMS)
def list_items(ask: Ask) -> Document:
    """All, or those of a customer or an invoice, waiting or not."""
    where = ask.filters("customer", "invoice")
    if (pending := ask.form.flag("pending")) is not None:
        where["_pending"] = pending
    return ask.listed("invoiceitem", where)


@route("DELETE", ITEM)
def delete_item(ask: Ask) -> Document:
    """What is on an invoice stays there."""
    item = ask.docs.get("invoiceitem", ask.id)
    if not item["_pending"]:
        raise faults.bad_request("This is on an invoice already.")
    ask.docs.emit("invoiceitem.deleted", item)
    return ask.docs.delete(item)


def _in(ask: Ask, *states: str) -> Document:
    """The invoice that is asked for, in one of these states. Raises StripeFault."""
    invoice = ask.docs.get("invoice", ask.id)
    if invoice["status"] not in states:
        raise faults.bad_request(f"This cannot be done to an invoice that is {invoice['status']}.", _code(invoice))
    return invoice


def _code(invoice: Document) -> str:
    return "invoice_already_paid" if invoice["status"] == "paid" else "invoice_not_editable"


def _write(ask: Ask, invoice: Document) -> None:
    if ask.form.has("description"):
        invoice["description"] = ask.form.text("description")
    if ask.form.has("default_payment_method"):
        customer = ask.docs.get("customer", invoice["customer"])
        name = ask.form.text("default_payment_method")
        method = wallets.owned(ask.docs, name, customer, "default_payment_method") if name else None
        invoice["default_payment_method"] = method and method["id"]
    invoice["metadata"] = ask.form.metadata(invoice["metadata"])
