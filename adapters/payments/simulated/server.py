"""The server: a plain ASGI application, asked within this process or served on a port."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from adapters.payments.simulated import faults, forms, lifecycle, methods, routing, views
from adapters.payments.simulated.delivery import Deliveries
from adapters.payments.simulated.faults import StripeFault
from adapters.payments.simulated.pages import PREFIX, Pages
from adapters.payments.simulated.resources import matched
from adapters.payments.simulated.store import Document, Rules, Store
from core.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

KEYS = ("Bearer sk_test_", "Bearer rk_test_")
LARGEST = 65_536
"""Bytes of a request."""
REMEMBERED = 86_400
"""Seconds for which the answer to an idempotency key is kept."""
TEMPLATES = f"/v1/payment_methods/{methods.TEMPLATE}"


@dataclass
class Trouble:
    """What goes wrong with one request: it waits `delay` seconds, then is refused with `status`, if one is given.

    `done` says that the request takes effect first, so that only its answer is lost; without it, a 500 is the answer to
    the request's key from then on. `path` is how the address has to
    begin, for a trouble that waits for its request.
    """

    status: int = 0
    delay: float = 0.0
    done: bool = False
    path: str = "/v1/"
    code: str | None = None


@dataclass
class Asked:
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    query: str
    body: str
    id: str = field(default_factory=lambda: f"req_{secrets.token_hex(7)}")

    @property
    def key(self) -> str | None:
        """The idempotency key, which only counts for what changes something."""
        return self.headers.get("idempotency-key") if self.method == "POST" else None

    @property
    def fingerprint(self) -> str:
        """What the key's next request has to be equal to."""
        return hashlib.sha256(f"{self.method} {self.path}\0{self.body}".encode()).hexdigest()


@dataclass
class Answer:
    """What is sent back."""

    status: int
    content: Document
    replayed: bool = False


class SimulatedStripe:
    """Answers as Stripe's API does in test mode: `uvicorn --factory adapters.payments.simulated:SimulatedStripe`.

    What it knows is in `store`, time is the clock's, and `rules` are the settings of its one account. `troubles` are
    what goes wrong with the next requests, each with one.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        store: Store | None = None,
        rules: Rules | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.store = store or Store()
        self.store.rules = rules or Rules()
        self.troubles: list[Trouble] = []
        self.deliveries = Deliveries(self)
        self.pages = Pages(self)
        self._under_way: set[str] = set()

    def now(self) -> int:
        """The present second, in Unix time."""
        return int(self.clock.now().timestamp())

    def advance(self) -> None:
        """Let happen what was due by now."""
        with self.store.change(self.now()) as docs:
            lifecycle.advance(docs, self.now())

    async def deliver(self) -> int:
        """Send the webhooks that are due once; how many were taken."""
        return await self.deliveries.deliver()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"].startswith(f"{PREFIX}/"):
            await self.pages(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        asked = Asked(scope["method"], scope["path"], headers, scope.get("query_string", b"").decode("latin-1"), "")
        try:
            asked.body = await _body(receive)
            answer = await self._answered(asked)
        except StripeFault as fault:
            answer = Answer(fault.status, fault.content)
        await _send(send, asked, answer)

    async def _answered(self, asked: Asked) -> Answer:
        """The answer, or its trouble. Raises StripeFault."""
        if not asked.headers.get("authorization", "").startswith(KEYS):
            raise faults.no_key()
        trouble = next((each for each in self.troubles if asked.path.startswith(each.path)), None)
        if trouble is None:
            return self._answer(asked)
        self.troubles.remove(trouble)
        if asked.key and asked.key in self._under_way:
            raise faults.in_use()
        try:
            self._under_way.add(asked.key or "")
            await asyncio.sleep(trouble.delay)
        finally:
            self._under_way.discard(asked.key or "")
        answer = self._answer(asked) if trouble.done or not trouble.status else None
        if trouble.status or answer is None:
            fault = faults.injected(trouble.status, trouble.code)
            if answer is None and fault.status is HTTPStatus.INTERNAL_SERVER_ERROR:
                self._remember(asked, fault)
            raise fault
        return answer

    def _remember(self, asked: Asked, fault: StripeFault) -> None:
        """Keep a fault as the answer to its key, as Stripe does: who asks with it again hears it again."""
        with self.store.change(self.now()) as docs:
            docs.remember(asked.key, asked.fingerprint, fault.status, fault.content)

    def _answer(self, asked: Asked) -> Answer:
        """Do what is asked for, in one transaction. Raises StripeFault."""
        if asked.method == "GET" and asked.path.startswith(TEMPLATES):
            return Answer(HTTPStatus.OK, methods.content(methods.found(asked.path.rpartition("/")[2])))
        if asked.key and asked.key in self._under_way:
            raise faults.in_use()
        now = self.now()
        with self.store.change(now) as docs:
            lifecycle.advance(docs, now)
        with self.store.change(now, {"id": asked.id, "idempotency_key": asked.key}) as docs:
            known = docs.recall(asked.key, asked.fingerprint, since=now - REMEMBERED)
            if known:
                return Answer(*known, replayed=True)
            form = forms.Form(forms.nested(parse_qsl(asked.query or asked.body, keep_blank_values=True)))
            handler, document_id = matched(asked.method, asked.path)
            ask = routing.Ask(docs, form, asked.path, document_id)
            wanted = form.texts("expand")
            try:
                content = handler(ask)
                form.refuse_rest()
                lifecycle.advance(docs, now)
                answer = Answer(HTTPStatus.OK, views.expanded(content, wanted, docs.find))
            except StripeFault as fault:
                if not fault.kept:
                    raise
                answer = Answer(fault.status, fault.content)
            docs.remember(asked.key, asked.fingerprint, answer.status, answer.content)
            return answer


async def _send(send: Send, asked: Asked, answer: Answer) -> None:
    body = json.dumps(answer.content).encode()
    answered = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "request-id": asked.id,
        "stripe-version": asked.headers.get("stripe-version", ""),
    }
    if asked.key:
        answered["idempotency-key"] = asked.key
    if answer.replayed:
        answered["idempotent-replayed"] = "true"
    raw = [(name.encode(), value.encode("latin-1")) for name, value in answered.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> str:
    """The body of a request. Raises StripeFault for one that is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST:
            raise StripeFault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"More than {LARGEST} bytes.")
    return body.decode("utf-8", errors="replace")
