"""The server: a plain ASGI application, asked within this process or served on a port."""

from __future__ import annotations

import json
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from adapters.payments.simulated import faults, methods
from adapters.payments.simulated.faults import StripeFault
from core.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

METHODS = "/v1/payment_methods"
KEYS = ("Bearer sk_test_", "Bearer rk_test_")
LARGEST = 65_536
"""Bytes of a request."""


class SimulatedStripe:
    """Answers as Stripe's API does in test mode: `uvicorn --factory adapters.payments.simulated:SimulatedStripe`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            status, content = HTTPStatus.OK, self._answer(scope, headers, await _form(receive))
        except StripeFault as fault:
            status, content = fault.status, fault.content
        body = json.dumps(content).encode()
        answered = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "request-id": f"req_{secrets.token_hex(7)}",
            "stripe-version": headers.get("stripe-version", ""),
        }
        raw = [(name.encode(), value.encode("latin-1")) for name, value in answered.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: MutableMapping[str, Any], headers: dict[str, str], form: dict[str, str]) -> dict[str, Any]:
        if not headers.get("authorization", "").startswith(KEYS):
            raise faults.no_key()
        method, path = scope["method"], scope["path"]
        if (method, path) == ("POST", METHODS):
            return methods.content(methods.created(form, self._clock.now()))
        room, _, name = path.rpartition("/")
        if (method, room) == ("GET", METHODS) and name:
            return methods.content(methods.found(name))
        raise faults.no_address(method, path)


async def _form(receive: Receive) -> dict[str, str]:
    """The fields of a form. Raises StripeFault for one that is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST:
            raise StripeFault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"More than {LARGEST} bytes.")
    return dict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))
