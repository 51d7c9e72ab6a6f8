"""Customers: who pays."""

from __future__ import annotations

from adapters.payments.simulated import collecting, faults, wallets
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Docs, Document

CUSTOMERS, CUSTOMER = "/v1/customers", "/v1/customers/{id}"
TEXTS = ("description", "email", "name", "phone")
LONGEST_EMAIL = 512


@route("POST", CUSTOMERS)
def create(ask: Ask) -> Document:
    """A new customer, with a payment method if one is named."""
    customer = blank(ask.docs)
    name = ask.form.text("payment_method")
    held = wallets.attach(ask.docs, name, customer) if name else None
    _write(ask, customer, {name: held["id"]} if name and held else {})
    ask.docs.save(customer)
    ask.docs.emit("customer.created", customer)
    return customer


@route("POST", CUSTOMER)
def update(ask: Ask) -> Document:
    """Change what is named."""
    customer = ask.docs.get("customer", ask.id)
    _write(ask, customer, {})
    return ask.docs.update(customer, "customer.updated")


@route("GET", CUSTOMER)
def retrieve(ask: Ask) -> Document:
    """A customer, or the stub of one that was deleted."""
    found = ask.docs.find(ask.id)
    if found is not None and found["object"] == "customer":
        return found
    raise faults.missing("customer", ask.id)


@route("GET", CUSTOMERS)
def listed(ask: Ask) -> Document:
    """All, or those of one address."""
    return ask.listed("customer", ask.filters("email"))


@route("DELETE", CUSTOMER)
def delete(ask: Ask) -> Document:
    """Cancel what they subscribe to, let go of their payment methods, and forget them."""
    customer = ask.docs.get("customer", ask.id)
    for subscription in ask.docs.all("subscription", {"customer": customer["id"]}):
        if subscription["status"] not in collecting.OVER:
            collecting.end(ask.docs, subscription, "cancellation_requested")
    for invoice in ask.docs.all("invoice", {"customer": customer["id"], "status": ["draft", "open"]}):
        invoice["auto_advance"] = False
        ask.docs.update(invoice, "invoice.updated")
    wallets.detach_all(ask.docs, customer)
    ask.docs.emit("customer.deleted", customer)
    return ask.docs.delete(customer)


def blank(docs: Docs) -> Document:
    """A new customer of whom nothing is known yet, and who was not told of."""
    customer = docs.new(
        "cus",
        "customer",
        address=None,
        balance=0,
        currency=None,
        default_source=None,
        delinquent=False,
        invoice_prefix=None,
        invoice_settings={"custom_fields": None, "default_payment_method": None, "footer": None},
        metadata={},
        next_invoice_sequence=1,
        preferred_locales=[],
        shipping=None,
        tax_exempt="none",
        test_clock=None,
        **dict.fromkeys(TEXTS),
    )
    customer["invoice_prefix"] = customer["id"][-8:].upper()
    return customer


def _write(ask: Ask, customer: Document, renamed: dict[str, str]) -> None:
    """Take what a form says about a customer. Raises StripeFault.

    `renamed` tells the ids under which payment methods were kept that came under a test card's name.
    """
    for name in ("address", "shipping"):
        if ask.form.has(name):
            customer[name] = ask.form.whatever(name)
    for name in TEXTS:
        if ask.form.has(name):
            customer[name] = ask.form.text(name)
    email = customer["email"]
    if email is not None and ("@" not in email or len(email) > LONGEST_EMAIL):
        raise faults.bad_request("That is no e-mail address.", "email_invalid", "email")
    if ask.form.has("preferred_locales"):
        customer["preferred_locales"] = ask.form.texts("preferred_locales")
    settings = ask.form.child("invoice_settings")
    if settings and settings.has("default_payment_method"):
        method = settings.text("default_payment_method")
        method = renamed.get(method, method) if method else None
        if method:
            wallets.owned(ask.docs, method, customer, settings.path("default_payment_method"))
        customer["invoice_settings"]["default_payment_method"] = method
    customer["metadata"] = ask.form.metadata(customer["metadata"])
