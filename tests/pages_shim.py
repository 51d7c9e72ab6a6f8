"""Checkout and portal pages of the simulated Stripe, until it has its own."""

from typing import Any

from adapters.payments.simulated import faults
from adapters.payments.simulated.routing import Ask, route

SESSIONS = "/v1/checkout/sessions"


@route("POST", SESSIONS)
def create(ask: Ask) -> Any:
    form = ask.form
    customer = ask.docs.get("customer", form.need("customer"))
    items = [(each.need("price"), each.whole("quantity")) for each in form.each("line_items")]
    data = form.child("subscription_data")
    return ask.docs.new(
        "cs",
        "checkout.session",
        mode=form.need("mode"),
        customer=customer["id"],
        client_reference_id=form.text("client_reference_id"),
        success_url=form.need("success_url"),
        cancel_url=form.text("cancel_url"),
        url="https://pay.example/" + str(len(ask.docs.all("checkout.session"))),
        status="open",
        subscription=None,
        expires_at=ask.docs.now + 86_400,
        allow_promotion_codes=form.flag("allow_promotion_codes"),
        discounts=[each.need("promotion_code") for each in form.each("discounts")],
        trial_end=data.whole("trial_end") if data else None,
        metadata=data.metadata() if data else {},
        price=items[0][0],
    )


@route("GET", SESSIONS + "/{id}")
def retrieve(ask: Ask) -> Any:
    session = ask.docs.get("checkout.session", ask.id)
    if session["status"] == "open" and session["expires_at"] <= ask.docs.now:
        session.update(status="expired", url=None)
        ask.docs.save(session)
    return session


@route("POST", SESSIONS + "/{id}/expire")
def expire(ask: Ask) -> Any:
    session = ask.docs.get("checkout.session", ask.id)
    if session["status"] != "open":
        raise faults.bad_request("Only open ones can be expired.")
    session.update(status="expired", url=None)
    ask.docs.save(session)
    return session


@route("POST", "/v1/billing_portal/sessions")
def portal(ask: Ask) -> Any:
    customer = ask.docs.get("customer", ask.form.need("customer"))
    url = "https://portal.example"
    return ask.docs.new(
        "bps", "billing_portal.session", customer=customer["id"], return_url=ask.form.need("return_url"), url=url
    )
