"""Payment methods that customers hold: what `methods` makes without a memory is kept here once it is attached."""

from __future__ import annotations

from typing import Any

from adapters.payments.simulated import faults, methods
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Docs, Document

METHODS, METHOD = "/v1/payment_methods", "/v1/payment_methods/{id}"


@route("POST", METHODS)
def create(ask: Ask) -> Document:
    """A card from a number or a token. Nothing is kept until it is attached: its id says what it is."""
    made = methods.content(methods.created(ask.form, ask.docs.now))
    made["metadata"] = ask.form.metadata()
    made["billing_details"] |= ask.form.whatever("billing_details") or {}
    return made


@route("GET", METHOD)
def retrieve(ask: Ask) -> Document:
    """A payment method, attached or not."""
    return method_of(ask.docs, ask.id, "payment_method")


@route("POST", METHOD)
def update(ask: Ask) -> Document:
    """Change what is noted beside a card, or when it expires."""
    method = ask.docs.get("payment_method", ask.id, "payment_method")
    method["metadata"] = ask.form.metadata(method["metadata"])
    card = ask.form.child("card")
    for name in ("exp_month", "exp_year"):
        value = card.whole(name) if card else None
        if value is not None:
            method["card"][name] = value
    return ask.docs.update(method, "payment_method.updated")


@route("POST", f"{METHOD}/attach")
def attached(ask: Ask) -> Document:
    """Give a payment method to a customer. A card that is declined now cannot be attached."""
    customer = ask.docs.get("customer", ask.form.need("customer"), "customer")
    return attach(ask.docs, ask.id, customer)


@route("POST", f"{METHOD}/detach")
def detached(ask: Ask) -> Document:
    """Take a payment method from its customer, for good."""
    method = ask.docs.get("payment_method", ask.id, "payment_method")
    if method["customer"] is None:
        raise faults.bad_request("This payment method is not attached to a customer.", param="payment_method")
    return _detach(ask.docs, method)


@route("GET", METHODS)
def listed(ask: Ask) -> Document:
    """The payment methods of a customer."""
    ask.form.choice("type", "card")
    return ask.listed("payment_method", ask.filters("customer"))


@route("GET", "/v1/customers/{id}/payment_methods")
def listed_of(ask: Ask) -> Document:
    """The same, by the customer's address."""
    ask.form.choice("type", "card")
    return ask.listed("payment_method", {"customer": ask.docs.get("customer", ask.id, "customer")["id"]})


def method_of(docs: Docs, method_id: str, param: str) -> Document:
    """A payment method by its id, whether or not it is kept. Raises StripeFault."""
    kept = docs.find(method_id)
    if kept is not None and kept["object"] == "payment_method":
        return kept
    return methods.content(methods.found(method_id, param))


def attach(docs: Docs, method_id: str, customer: Document, *, checked: bool = False) -> Document:
    """The payment method as the customer's own. `pm_card_…` is copied, so that each customer has one of their own.

    Raises StripeFault: a card that is declined, or somebody else's. `checked` says that the card was tried before.
    """
    method = method_of(docs, method_id, "payment_method")
    if method["customer"] == customer["id"]:
        return method
    if method["customer"] is not None or method.get("_gone"):
        raise faults.bad_request("This payment method cannot be used by another customer.", param="payment_method")
    decline = methods.decline_of(method, "attach")
    if decline and not checked:
        raise faults.bad_card(decline[0], decline_code=decline[1])
    held = kept(docs, method["id"])
    held["customer"] = customer["id"]
    docs.save(held)
    docs.emit("payment_method.attached", held)
    return held


def kept(docs: Docs, method_id: str) -> Document:
    """A payment method that is remembered from now on: `pm_card_…` under an id of its own. Raises StripeFault."""
    method = method_of(docs, method_id, "payment_method")
    if docs.find(method["id"]):
        return method
    content: dict[str, Any] = {**method, "created": docs.now}
    if methods.is_template(method["id"]):
        content["id"] = methods.copied(method["id"], docs.now)
    return docs.new("pm", content.pop("object"), **content)


def owned(docs: Docs, method_id: str, customer: Document, param: str) -> Document:
    """A payment method that the customer holds. Raises StripeFault."""
    method = method_of(docs, method_id, param)
    if method["customer"] != customer["id"]:
        raise faults.bad_request("The customer has no such payment method. Attach it first.", "resource_missing", param)
    return method


def detach_all(docs: Docs, customer: Document) -> None:
    """Take every payment method from a customer."""
    for method in docs.all("payment_method", {"customer": customer["id"]}):
        _detach(docs, method)


def _detach(docs: Docs, method: Document) -> Document:
    """Whoever pays with it has to name another."""
    customer = docs.get("customer", method["customer"])
    method.update(customer=None, _gone=True)
    docs.update(method, "payment_method.detached")
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
        docs.update(customer, "customer.updated")
    for subscription in docs.all("subscription", {"default_payment_method": method["id"]}):
        subscription["default_payment_method"] = None
        docs.update(subscription, "customer.subscription.updated")
    return method
