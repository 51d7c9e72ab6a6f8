"""Requests to Stripe, held against the types of parameters that Stripe's own SDK has."""

import re
import typing
from collections import UserDict
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl

import stripe.params
import typing_extensions

from adapters.payments.simulated.forms import nested

RESOURCES = {
    "checkout/sessions": "checkout.Session",
    "billing_portal/sessions": "billing_portal.Session",
    "billing_portal/configurations": "billing_portal.Configuration",
    "customers": "Customer",
    "payment_methods": "PaymentMethod",
    "products": "Product",
    "prices": "Price",
    "coupons": "Coupon",
    "promotion_codes": "PromotionCode",
    "subscriptions": "Subscription",
    "invoices": "Invoice",
    "invoiceitems": "InvoiceItem",
    "invoice_payments": "InvoicePayment",
    "payment_intents": "PaymentIntent",
    "setup_intents": "SetupIntent",
    "events": "Event",
}
ACTIONS = {
    "finalize": "FinalizeInvoice",
    "void": "VoidInvoice",
    "lines": "ListLines",
    "payment_methods": "ListPaymentMethods",
    "mark_uncollectible": "MarkUncollectible",
    "create_preview": "CreatePreview",
    "discount": "DeleteDiscount",
    "line_items": "ListLineItems",
}


def parameters_of(method: str, path: str) -> str:
    """The name of the type that a request's parameters have. Raises LookupError for an address that is not known."""
    match = re.fullmatch(rf"/v1/({'|'.join(RESOURCES)})(?:/([^/]+))?(?:/(\w+))?", path)
    if match is None:
        raise LookupError(path)
    kind, name, action = match.groups()
    if name == "create_preview":
        name, action = None, name
    if action:
        verb = ACTIONS.get(action, action.title())
    elif method == "DELETE":
        verb = "Cancel" if kind == "subscriptions" else "Delete"
    elif method == "GET":
        verb = "Retrieve" if name else "List"
    else:
        verb = "Modify" if name else "Create"
    return f"{RESOURCES[kind]}{verb}Params"


def unknown(method: str, path: str, given: dict[str, Any]) -> list[str]:
    """Names of parameters that the SDK does not know for such a request."""
    module: Any = stripe.params
    *modules, name = parameters_of(method, path).split(".")
    for part in modules:
        module = getattr(module, part)
    return _unknown(given, getattr(module, name), "")


class Checked:
    """An ASGI application before which each request is looked at."""

    def __init__(self, site: Any) -> None:
        self._site = site

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._site(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = scope["query_string"].decode() or body.decode()
        wrong = unknown(scope["method"], scope["path"], nested(parse_qsl(query, keep_blank_values=True)))
        assert not wrong, f"{scope['method']} {scope['path']}: Stripe's SDK does not know {wrong}"
        await self._site(scope, _again(body).__anext__, send)


async def _again(body: bytes) -> AsyncGenerator[dict[str, Any]]:  # ruff: ignore[unused-async] -- ASGI asks for one
    yield {"type": "http.request", "body": body, "more_body": False}


class _Names(UserDict[str, Any]):
    """What the SDK's types mean by names that are only imported for type checkers."""

    def __missing__(self, name: str) -> Any:
        for module in (stripe.params, stripe.params.checkout, stripe.params.billing_portal, stripe, typing):
            if hasattr(module, name):
                return getattr(module, name)
        raise KeyError(name)


@cache
def _fields(kind: Any) -> dict[str, Any]:
    return typing_extensions.get_type_hints(kind, None, cast("Any", _Names()))


def _unknown(given: Any, kind: Any, path: str) -> list[str]:
    """Names within `given` that the type does not have. Where a type is a choice, each is tried."""
    origin = typing.get_origin(kind)
    if isinstance(given, str) or kind is Any or origin is dict:
        return []
    if origin is list:
        [inner] = typing.get_args(kind)
        return [name for each in given.values() for name in _unknown(each, inner, path)]
    if typing_extensions.is_typeddict(kind):
        fields = _fields(kind)
        wrong = [f"{path}[{name}]" for name in given if name not in fields]
        known = given.keys() & fields.keys()
        return wrong + [each for name in known for each in _unknown(given[name], fields[name], f"{path}[{name}]")]
    choices = [_unknown(given, choice, path) for choice in typing.get_args(kind)]
    return min(choices, key=len, default=[path])
