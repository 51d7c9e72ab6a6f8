"""Coupons, the codes that lead to them, and the discounts that they become."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from adapters.payments.simulated import faults
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.periods import plus_months
from adapters.payments.simulated.products import currency_of
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Docs, Document, new_id

COUPONS, COUPON = "/v1/coupons", "/v1/coupons/{id}"
CODES, CODE = "/v1/promotion_codes", "/v1/promotion_codes/{id}"
ALL_OF_IT = 100


@route("POST", COUPONS)
def create_coupon(ask: Ask) -> Document:
    """A share or an amount off: once, for some months or for ever."""
    chosen = ask.form.text("id")
    if chosen and ask.docs.find(chosen):
        raise faults.bad_request("There is a coupon of this id already.", "resource_already_exists", "id")
    share, amount = _share(ask.form), ask.form.whole("amount_off")
    if (share is None) == (amount is None):
        raise faults.bad_parameter("parameter_missing", "percent_off")
    duration = ask.form.choice("duration", "forever", "once", "repeating") or "once"
    months = ask.form.whole("duration_in_months")
    if (duration == "repeating") != bool(months):
        raise faults.bad_parameter("parameter_invalid", "duration_in_months")
    coupon = ask.docs.new(
        "",
        "coupon",
        id=chosen or new_id("")[1:9].upper(),
        amount_off=amount,
        currency=currency_of(ask.form, "currency") if amount is not None else None,
        duration=duration,
        duration_in_months=months,
        max_redemptions=ask.form.whole("max_redemptions"),
        metadata=ask.form.metadata(),
        name=ask.form.text("name"),
        percent_off=share,
        redeem_by=ask.form.whole("redeem_by"),
        times_redeemed=0,
        valid=True,
    )
    ask.docs.emit("coupon.created", coupon)
    return coupon


@route("POST", COUPON)
def update_coupon(ask: Ask) -> Document:
    """Its name and what is noted beside it; never what it is worth."""
    coupon = ask.docs.get("coupon", ask.id)
    if ask.form.has("name"):
        coupon["name"] = ask.form.text("name")
    coupon["metadata"] = ask.form.metadata(coupon["metadata"])
    return ask.docs.update(coupon, "coupon.updated")


@route("GET", COUPON)
def retrieve_coupon(ask: Ask) -> Document:
    """One coupon."""
    return ask.docs.get("coupon", ask.id)


@route("GET", COUPONS)
def list_coupons(ask: Ask) -> Document:
    """All coupons."""
    return ask.listed("coupon")


@route("DELETE", COUPON)
def delete_coupon(ask: Ask) -> Document:
    """Who has its discount keeps it."""
    coupon = ask.docs.get("coupon", ask.id)
    ask.docs.emit("coupon.deleted", coupon)
    return ask.docs.delete(coupon)


@route("POST", CODES)
def create_code(ask: Ask) -> Document:
    """A code for people, which leads to a coupon."""
    promotion = ask.form.child("promotion")
    if promotion is None or promotion.need("type") != "coupon":
        raise faults.bad_parameter("parameter_missing", "promotion[type]")
    coupon = ask.docs.get("coupon", promotion.need("coupon"), "promotion[coupon]")
    code = ask.form.text("code") or new_id("")[1:9].upper()
    if any(other["code"].lower() == code.lower() for other in ask.docs.all("promotion_code", {"active": True})):
        raise faults.bad_request("There is an active promotion code of this name.", param="code")
    customer = ask.form.text("customer")
    active = ask.form.flag("active")
    made = ask.docs.new(
        "promo",
        "promotion_code",
        active=True if active is None else active,
        code=code,
        customer=ask.docs.get("customer", customer, "customer")["id"] if customer else None,
        expires_at=ask.form.whole("expires_at"),
        max_redemptions=ask.form.whole("max_redemptions"),
        metadata=ask.form.metadata(),
        promotion={"type": "coupon", "coupon": coupon["id"]},
        restrictions=_restrictions(ask.form.child("restrictions")),
        times_redeemed=0,
    )
    ask.docs.emit("promotion_code.created", made)
    return made


@route("POST", CODE)
def update_code(ask: Ask) -> Document:
    """Switch it on or off."""
    code = ask.docs.get("promotion_code", ask.id)
    if (active := ask.form.flag("active")) is not None:
        code["active"] = active
    code["metadata"] = ask.form.metadata(code["metadata"])
    return ask.docs.update(code, "promotion_code.updated")


@route("GET", CODE)
def retrieve_code(ask: Ask) -> Document:
    """One promotion code."""
    return ask.docs.get("promotion_code", ask.id)


@route("GET", CODES)
def list_codes(ask: Ask) -> Document:
    """All, or those of a code, a coupon or a customer, active or not."""
    where = ask.filters("code", "customer")
    if coupon := ask.form.text("coupon"):
        where["promotion.coupon"] = coupon
    if (active := ask.form.flag("active")) is not None:
        where["active"] = active
    return ask.listed("promotion_code", where)


@dataclass(frozen=True)
class Choice:
    """A coupon that somebody wants to use, and the code by which they found it."""

    coupon: Document
    code: Document | None = None


def chosen(docs: Docs, forms: list[Form], customer: Document | None) -> list[Choice]:
    """The coupons and codes that are named, all usable now. Raises StripeFault."""
    choices = []
    for form in forms:
        code = code_of(docs, form, customer)
        name = code["promotion"]["coupon"] if code else form.need("coupon")
        choices.append(Choice(usable(docs, name, form.path("promotion_code" if code else "coupon")), code))
    return choices


def redeem(docs: Docs, choices: list[Choice], customer: str, subscription: str | None) -> list[str]:
    """The ids of the discounts that coupons become, counted as used."""
    made = []
    for choice in choices:
        for counted in (choice.coupon, choice.code) if choice.code else (choice.coupon,):
            counted["times_redeemed"] += 1
            if counted["max_redemptions"] is not None and counted["times_redeemed"] >= counted["max_redemptions"]:
                counted["valid" if counted is choice.coupon else "active"] = False
            docs.save(counted)
        made.append(_begun(docs, choice, customer, subscription))
    return made


def off(discount: Document, at: int, currency: str) -> tuple[Fraction, int]:
    """What a discount takes at that moment: a share, and an amount."""
    coupon = discount["_coupon"]
    if discount["end"] is not None and discount["end"] <= at:
        return Fraction(0), 0
    if coupon["percent_off"] is not None:
        return Fraction(str(coupon["percent_off"])) / ALL_OF_IT, 0
    return Fraction(0), coupon["amount_off"] if coupon["currency"] == currency else 0


def _begun(docs: Docs, choice: Choice, customer: str, subscription: str | None) -> str:
    coupon = choice.coupon
    months = coupon["duration_in_months"]
    discount = docs.new(
        "di",
        "discount",
        checkout_session=None,
        customer=customer,
        end=plus_months(docs.now, months) if months else None,
        invoice=None,
        invoice_item=None,
        promotion_code=choice.code["id"] if choice.code else None,
        source={"type": "coupon", "coupon": coupon["id"]},
        start=docs.now,
        subscription=subscription,
        subscription_item=None,
        _coupon={name: coupon[name] for name in ("amount_off", "currency", "percent_off", "duration")},
    )
    docs.emit("customer.discount.created", discount)
    return str(discount["id"])


def code_of(docs: Docs, form: Form, customer: Document | None) -> Document | None:
    """The promotion code that is named, if it may be used now. Raises StripeFault."""
    name = form.text("promotion_code")
    if name is None:
        return None
    code = docs.get("promotion_code", name, form.path("promotion_code"))
    late = code["expires_at"] is not None and code["expires_at"] <= docs.now
    others = code["customer"] is not None and (customer is None or code["customer"] != customer["id"])
    if not code["active"] or late or others:
        raise faults.bad_request("This promotion code cannot be redeemed.", param=form.path("promotion_code"))
    return code


def usable(docs: Docs, coupon_id: str, param: str) -> Document:
    """A coupon that may be used now. Raises StripeFault."""
    coupon = docs.get("coupon", coupon_id, param)
    if not coupon["valid"] or (coupon["redeem_by"] is not None and coupon["redeem_by"] <= docs.now):
        raise faults.bad_request("This coupon is used up or too old.", "coupon_expired", param)
    return coupon


def _share(form: Form) -> float | None:
    raw = form.text("percent_off")
    if raw is None:
        return None
    try:
        share = Decimal(raw)
    except InvalidOperation:
        share = Decimal(0)
    if not 0 < share <= ALL_OF_IT:
        raise faults.bad_parameter("parameter_invalid", "percent_off")
    return float(share)


def _restrictions(form: Form | None) -> Document:
    first = form.flag("first_time_transaction") if form else None
    return {"first_time_transaction": bool(first), "minimum_amount": None, "minimum_amount_currency": None}
