"""Products and their prices: what is sold, and for how much in which currency."""

from __future__ import annotations

import re
from decimal import Decimal

from adapters.payments.simulated import faults
from adapters.payments.simulated.forms import Form
from adapters.payments.simulated.routing import Ask, route
from adapters.payments.simulated.store import Docs, Document

PRODUCTS, PRODUCT = "/v1/products", "/v1/products/{id}"
PRICES, PRICE = "/v1/prices", "/v1/prices/{id}"
INTERVALS = {"day": 1095, "week": 156, "month": 36, "year": 3}
"""What prices recur by, and at most how many of it: three years."""
LARGEST_AMOUNT = 99_999_999


@route("POST", PRODUCTS)
def create_product(ask: Ask) -> Document:
    """A new product, under an id of the caller's choice if one is given."""
    chosen = ask.form.text("id")
    if chosen and ask.docs.find(chosen):
        raise faults.bad_request("There is a product of this id already.", "resource_already_exists", "id")
    product = ask.docs.new(
        "prod",
        "product",
        id=chosen,
        active=True,
        default_price=None,
        description=None,
        images=[],
        marketing_features=[],
        metadata={},
        name=ask.form.need("name"),
        package_dimensions=None,
        shippable=None,
        statement_descriptor=None,
        tax_code=None,
        type="service",
        unit_label=None,
        updated=ask.docs.now,
        url=None,
    )
    _write_product(ask, product)
    ask.docs.save(product)
    ask.docs.emit("product.created", product)
    return product


@route("POST", PRODUCT)
def update_product(ask: Ask) -> Document:
    """Change what is named."""
    product = ask.docs.get("product", ask.id)
    if ask.form.has("name"):
        product["name"] = ask.form.need("name")
    _write_product(ask, product)
    product["updated"] = ask.docs.now
    return ask.docs.update(product, "product.updated")


@route("GET", PRODUCT)
def retrieve_product(ask: Ask) -> Document:
    """One product."""
    return ask.docs.get("product", ask.id)


@route("GET", PRODUCTS)
def list_products(ask: Ask) -> Document:
    """All, or those that are active or not, or of those ids."""
    where = _active(ask)
    if ask.form.has("ids"):
        where["id"] = ask.form.texts("ids")
    return ask.listed("product", where)


@route("DELETE", PRODUCT)
def delete_product(ask: Ask) -> Document:
    """Only what has no price can be deleted."""
    product = ask.docs.get("product", ask.id)
    if ask.docs.all("price", {"product": product["id"]}, limit=1):
        raise faults.bad_request("This product has prices. Make it inactive instead.")
    ask.docs.emit("product.deleted", product)
    return ask.docs.delete(product)


@route("POST", PRICES)
def create_price(ask: Ask) -> Document:
    """A new price of a product that is there, or of one that comes with it."""
    currency = currency_of(ask.form, "currency")
    options = {currency: _option(ask.form)}
    options |= _currency_options(ask.form)
    price = ask.docs.new(
        "price",
        "price",
        active=True if (active := ask.form.flag("active")) is None else active,
        billing_scheme=ask.form.choice("billing_scheme", "per_unit") or "per_unit",
        currency=currency,
        currency_options=options,
        custom_unit_amount=None,
        lookup_key=_lookup_key(ask, None),
        metadata=ask.form.metadata(),
        nickname=ask.form.text("nickname"),
        product=_product(ask),
        recurring=recurring_of(ask.form.child("recurring")),
        tax_behavior=ask.form.choice("tax_behavior", "exclusive", "inclusive", "unspecified") or "unspecified",
        tiers_mode=None,
        transform_quantity=None,
        unit_amount=options[currency]["unit_amount"],
        unit_amount_decimal=options[currency]["unit_amount_decimal"],
    )
    price["type"] = "recurring" if price["recurring"] else "one_time"
    ask.docs.save(price)
    ask.docs.emit("price.created", price)
    return price


@route("POST", PRICE)
def update_price(ask: Ask) -> Document:
    """An amount never changes; what a price is called, and whether it is sold, does."""
    price = ask.docs.get("price", ask.id)
    if (active := ask.form.flag("active")) is not None:
        price["active"] = active
    if ask.form.has("nickname"):
        price["nickname"] = ask.form.text("nickname")
    if ask.form.has("lookup_key"):
        price["lookup_key"] = _lookup_key(ask, price)
    price["currency_options"] |= _currency_options(ask.form)
    price["metadata"] = ask.form.metadata(price["metadata"])
    return ask.docs.update(price, "price.updated")


@route("GET", PRICE)
def retrieve_price(ask: Ask) -> Document:
    """One price."""
    return ask.docs.get("price", ask.id)


@route("GET", PRICES)
def list_prices(ask: Ask) -> Document:
    """All, or those of a product, of lookup keys, of a currency or a type, active or not."""
    where = _active(ask) | ask.filters("product", "currency", "type")
    if ask.form.has("lookup_keys"):
        where["lookup_key"] = ask.form.texts("lookup_keys")
    recurring = ask.form.child("recurring")
    interval = recurring.choice("interval", *INTERVALS) if recurring else None
    return ask.listed("price", where | ({"recurring.interval": interval} if interval else {}))


def currency_of(form: Form, name: str) -> str:
    """Three letters, small. Raises StripeFault."""
    currency = form.need(name).lower()
    if not re.fullmatch(r"[a-z]{3}", currency):
        raise faults.bad_parameter("parameter_invalid", form.path(name))
    return currency


def recurring_of(form: Form | None) -> Document | None:
    """How often a price is due, from its parameters. Raises StripeFault."""
    if form is None:
        return None
    interval = form.choice("interval", *INTERVALS) or form.need("interval")
    count = form.whole("interval_count")
    if count is not None and not 1 <= count <= INTERVALS[interval]:
        raise faults.bad_parameter("parameter_invalid_integer", form.path("interval_count"))
    usage = form.choice("usage_type", "licensed") or "licensed"
    return {
        "interval": interval,
        "interval_count": count or 1,
        "meter": None,
        "trial_period_days": None,
        "usage_type": usage,
    }


def amount_of(price: Document, currency: str) -> Decimal:
    """What one of it costs, in minor units. Raises StripeFault for a currency that the price does not have."""
    option = price["currency_options"].get(currency)
    if option is None:
        raise faults.bad_request(f"The price {price['id']} has no amount in {currency}.", param="currency")
    return Decimal(option["unit_amount_decimal"])


def sellable(docs: Docs, price_id: str, param: str) -> Document:
    """An active price that recurs. Raises StripeFault."""
    price = docs.get("price", price_id, param)
    if not price["active"]:
        raise faults.bad_request("This price is not active.", param=param)
    if price["recurring"] is None:
        raise faults.bad_request("A subscription needs a price that recurs.", param=param)
    return price


def _write_product(ask: Ask, product: Document) -> None:
    for name in ("description", "statement_descriptor", "tax_code", "unit_label", "url"):
        if ask.form.has(name):
            product[name] = ask.form.text(name)
    if (active := ask.form.flag("active")) is not None:
        product["active"] = active
    if price := ask.form.text("default_price"):
        product["default_price"] = ask.docs.get("price", price, "default_price")["id"]
    product["metadata"] = ask.form.metadata(product["metadata"])


def _product(ask: Ask) -> str:
    new = ask.form.child("product_data")
    if new is None:
        return str(ask.docs.get("product", ask.form.need("product"), "product")["id"])
    inner = Ask(ask.docs, new, ask.path, "")
    return str(create_product(inner)["id"])


def _active(ask: Ask) -> Document:
    active = ask.form.flag("active")
    return {} if active is None else {"active": active}


def _lookup_key(ask: Ask, own: Document | None) -> str | None:
    """The key that a price is found by: of one price alone, moved from another only when that is asked for."""
    key, moved = ask.form.text("lookup_key"), ask.form.flag("transfer_lookup_key")
    for holder in ask.docs.all("price", {"lookup_key": key}) if key else []:
        if holder is own:
            continue
        if not moved:
            raise faults.bad_request("Another price has this lookup key.", "resource_already_exists", "lookup_key")
        holder["lookup_key"] = None
        ask.docs.update(holder, "price.updated")
    return key


def _currency_options(form: Form) -> Document:
    child = form.child("currency_options")
    options: Document = {}
    for currency in child.names() if child else []:
        option = child.child(currency) if child else None
        if option:
            options[currency.lower()] = _option(option)
    return options


def _option(form: Form) -> Document:
    """An amount in one currency: whole minor units, or a decimal of up to twelve places."""
    whole, decimal = form.whole("unit_amount"), form.text("unit_amount_decimal")
    if (whole is None) == (decimal is None):
        raise faults.bad_parameter("parameter_missing", form.path("unit_amount"))
    if decimal is not None and not re.fullmatch(r"\d{1,12}(\.\d{1,12})?", decimal, re.ASCII):
        raise faults.bad_parameter("parameter_invalid", form.path("unit_amount_decimal"))
    amount = Decimal(decimal if decimal is not None else whole or 0)
    if not 0 <= amount <= LARGEST_AMOUNT:
        raise faults.bad_parameter("parameter_invalid_integer", form.path("unit_amount"))
    form.choice("tax_behavior", "exclusive", "inclusive", "unspecified")
    return {
        "custom_unit_amount": None,
        "tax_behavior": "unspecified",
        "unit_amount": int(amount) if amount == int(amount) else None,
        "unit_amount_decimal": f"{amount.normalize():f}",
    }
