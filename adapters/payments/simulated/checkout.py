"""Checkout sessions: what somebody is about to subscribe to, on a page of ours, within a day."""

from __future__ import annotations

import re
from typing import Any

from adapters.payments.simulated import discounts, faults, subscribing, views
from adapters.payments.simulated.customers import blank
from adapters.payments.simulated.discounts import Choice
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.lifecycle import moves
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Docs, Document, new_id
from adapters.payments.simulated.subscribing import Part, Wish

SESSIONS, SESSION = "/v1/checkout/sessions", "/v1/checkout/sessions/{id}"
KIND = "checkout.session"
SHORTEST, LONGEST = 1_800, 86_400
"""Seconds for which a session may be open."""
SHORTEST_TRIAL = 2 * 86_400
"""Seconds that a trial has left at least, when a session is made."""
MOST_ITEMS = 20
UNKNOWN = (
    "adaptive_pricing",
    "after_expiration",
    "billing_address_collection",
    "branding_settings",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency_conversion",
    "customer_account",
    "customer_creation",
    "customer_details",
    "integration_identifier",
    "invoice",
    "invoice_creation",
    "origin_context",
    "payment_intent",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "recovered_from",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "submit_type",
    "subscription",
    "wallet_options",
    "_card",
)
"""Fields of a session that begin as null."""


@moves(KIND, lambda session: session["expires_at"] if session["status"] == "open" else None)
def expire_in_time(docs: Docs, session: Document) -> None:
    """A session that nobody used is closed."""
    close(docs, session)


@route("POST", SESSIONS)
def create(ask: Ask) -> Document:
    """A page on which a customer can subscribe. Raises StripeFault for what could not be subscribed to."""
    docs, form = ask.docs, ask.form
    if form.need("mode") != "subscription":
        raise faults.bad_parameter("parameter_invalid", "mode")
    form.choice("ui_mode", "hosted", "hosted_page")
    form.texts("payment_method_types")
    name = form.text("customer")
    customer = docs.get("customer", name, "customer") if name else None
    items = _items(docs, form.each("line_items"))
    codes = form.flag("allow_promotion_codes")
    chosen = form.each("discounts")
    if codes and chosen:
        raise faults.bad_request("Either discounts or allow_promotion_codes.", "parameter_unknown", "discounts")
    terms = {
        "currency": form.text("currency") or docs.get("price", items[0]["price"])["currency"],
        "customer": customer and customer["id"],
        "discounts": [_told_choice(choice) for choice in discounts.chosen(docs, chosen, customer)],
        "_items": items,
        **_subscription(docs, form.child("subscription_data") or Form({}, "subscription_data")),
    }
    session = docs.new("cs_test", KIND, **_blank(), **_around(docs, form), **terms, allow_promotion_codes=codes)
    session["url"] = f"{docs.rules.public_url}/simulated-stripe/checkout/{session['id']}"
    docs.save(session)
    total(docs, session)
    return session


@route("GET", SESSION)
def retrieve(ask: Ask) -> Document:
    """One session."""
    return ask.docs.get(KIND, ask.id, "session")


@route("GET", SESSIONS)
def listed(ask: Ask) -> Document:
    """All, or those of a customer, a subscription or a state."""
    where = ask.filters("customer", "subscription")
    if status := ask.form.choice("status", "open", "complete", "expired"):
        where["status"] = status
    return ask.listed(KIND, where)


@route("GET", f"{SESSION}/line_items")
def line_items(ask: Ask) -> Document:
    """What is bought."""
    items = ask.docs.get(KIND, ask.id, "session")["line_items"]["data"]
    return views.page(ask.path, items, ask.limit())


@route("POST", f"{SESSION}/expire")
def expire(ask: Ask) -> Document:
    """Close a session that is open."""
    session = ask.docs.get(KIND, ask.id, "session")
    if session["status"] != "open":
        raise faults.bad_request(f"This session is {session['status']}.", param="session")
    return close(ask.docs, session)


def close(docs: Docs, session: Document) -> Document:
    """Nobody can pay on its page any more."""
    session.update(status="expired", url=None, _card=None)
    docs.save(session)
    docs.emit("checkout.session.expired", session)
    return session


def wish_of(docs: Docs, session: Document, customer: Document, method: str | None) -> Wish:
    """What the subscription is to be, once the card is good. Raises StripeFault for a discount that is used up."""
    forms = [
        Form({name: value for name, value in each.items() if value}, f"discounts[{number}]")
        for number, each in enumerate(session["discounts"])
    ]
    trial_end = session["_trial_end"]
    return Wish(
        customer=customer,
        parts=[Part(docs.get("price", item["price"]), item["quantity"]) for item in session["_items"]],
        currency=session["currency"],
        trial_end=trial_end if trial_end and trial_end > docs.now else None,
        missing=session["_missing"],
        method=method,
        choices=discounts.chosen(docs, forms, customer),
        metadata=session["_metadata"],
        description=session["_description"],
    )


def total(docs: Docs, session: Document) -> None:
    """Work out what is due today, and what each period costs, by pretending. Raises StripeFault."""
    with docs.pretending() as pretended:
        customer = pretended.find(session["customer"] or "") or blank(pretended)
        subscription = subscribing.opened(pretended, wish_of(pretended, session, customer, None))
        invoice = subscribing.first_invoice(pretended, subscription)
    off = sum(part["amount"] for part in invoice["total_discount_amounts"])
    session.update(amount_subtotal=invoice["subtotal"], amount_total=invoice["total"])
    session["total_details"] = {"amount_discount": off, "amount_shipping": 0, "amount_tax": 0}
    session["line_items"]["data"] = [
        _line(session, item, line) for item, line in zip(session["_items"], invoice["lines"]["data"], strict=True)
    ]
    docs.save(session)


def _items(docs: Docs, forms: list[Form]) -> list[Document]:
    if not 1 <= len(forms) <= MOST_ITEMS:
        raise faults.bad_parameter("parameter_missing", "line_items")
    parts = subscribing.parts_of(docs, forms)
    return [{"id": new_id("li"), "price": part.price["id"], "quantity": part.quantity} for part in parts]


def _line(session: Document, item: Document, line: Document) -> Document:
    off = sum(part["amount"] for part in line["discount_amounts"])
    return {
        "id": item["id"],
        "object": "item",
        "amount_discount": off,
        "amount_subtotal": line["amount"],
        "amount_tax": 0,
        "amount_total": line["amount"] - off,
        "currency": session["currency"],
        "description": line["description"],
        "price": item["price"],
        "quantity": item["quantity"],
    }


def _subscription(docs: Docs, data: Form) -> Document:
    """What is to be set on the subscription. Raises StripeFault."""
    return {
        "_trial_end": _trial(docs, data),
        "_missing": subscribing.missing_of(data.child("trial_settings")) or "create_invoice",
        "_metadata": data.metadata(),
        "_description": data.text("description"),
    }


def _around(docs: Docs, form: Form) -> Document:
    """Where the page leads, how long it works, and what the caller notes. Raises StripeFault."""
    return {
        "cancel_url": address_in(form, "cancel_url"),
        "client_reference_id": form.text("client_reference_id"),
        "customer_email": form.text("customer_email"),
        "expires_at": _expiry(docs, form),
        "locale": form.text("locale"),
        "metadata": form.metadata(),
        "payment_method_collection": form.choice("payment_method_collection", "always") or "always",
        "success_url": address_in(form, "success_url", needed=True),
    }


def _trial(docs: Docs, data: Form) -> int | None:
    end = subscribing.trial_of(docs, data)
    if data.text("trial_end") and end is not None and end < docs.now + SHORTEST_TRIAL:
        raise faults.bad_request("A trial has two days left at least.", param=data.path("trial_end"))
    return end


def _expiry(docs: Docs, form: Form) -> int:
    expires_at = form.whole("expires_at")
    if expires_at is None:
        return docs.now + LONGEST
    if not SHORTEST <= expires_at - docs.now <= LONGEST:
        raise faults.bad_parameter("parameter_invalid", "expires_at")
    return expires_at


def address_in(form: Form, name: str, *, needed: bool = False) -> str | None:
    """Where a page leads. Raises StripeFault for what is no address of the web."""
    address = form.need(name) if needed else form.text(name)
    if address is not None and not re.fullmatch(r"https?://[\x21-\x7e]{1,5000}", address):
        raise faults.bad_request("That is no address of a page.", "url_invalid", name)
    return address


def _told_choice(choice: Choice) -> Document:
    code = choice.code and choice.code["id"]
    return {"coupon": None if code else choice.coupon["id"], "promotion_code": code}


def _blank() -> dict[str, Any]:
    return {
        **dict.fromkeys(UNKNOWN),
        "amount_subtotal": 0,
        "amount_total": 0,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"),
        ),
        "line_items": {"object": "list", "data": [], "has_more": False, "url": f"{SESSIONS}/line_items"},
        "mode": "subscription",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "saved_payment_method_options": None,
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
    }
