"""What Stripe would answer: a book of objects at protocol level, and webhooks signed by the SDK's own function."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from stripe import WebhookSignature

from adapters.payments import API_VERSION, SIMULATED_SECRET
from tests.clock import START

MONTH = timedelta(days=30)
PAGE = 50
Shape = dict[str, Any]
MISSING: Shape = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "no"}}


def seconds(moment: datetime) -> int:
    """As Stripe tells times."""
    return int(moment.timestamp())


def subscription(**facts: Any) -> Shape:
    """A subscription in Stripe's shape; `price`, `lookup_key`, `start` and `end` are those of its item."""
    start, end = facts.pop("start", START), facts.pop("end", START + MONTH)
    price = {
        "id": facts.pop("price", "price_1"),
        "object": "price",
        "lookup_key": facts.pop("lookup_key", "pro-monthly:eur"),
        "metadata": facts.pop("price_metadata", {}),
    }
    item = {
        "id": "si_1",
        "object": "subscription_item",
        "price": price,
        "current_period_start": seconds(start),
        "current_period_end": seconds(end),
    }
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "currency": "eur",
        "items": {"object": "list", "data": [item]},
        "cancel_at_period_end": False,
        "canceled_at": None,
        "trial_end": None,
        "created": seconds(START),
        "latest_invoice": "in_1",
        "default_payment_method": "pm_1",
        "metadata": {},
        **facts,
    }


def invoice(**facts: Any) -> Shape:
    """An invoice in Stripe's shape: paid, unless `facts` say otherwise."""
    paid = facts.get("status", "paid") == "paid"
    return {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
        "number": "A-0001",
        "status": "paid",
        "total": 1900,
        "amount_due": 1900,
        "amount_paid": 1900 if paid else 0,
        "currency": "eur",
        "created": seconds(START),
        "status_transitions": {"paid_at": seconds(START) if paid else None},
        "hosted_invoice_url": "https://invoice.stripe.com/i/1",
        "billing_reason": "subscription_create",
        "attempt_count": 1,
        **facts,
    }


def event(kind: str, content: Shape, **facts: Any) -> Shape:
    """An event in Stripe's shape; its id follows from what it is and when it was made, unless it is given."""
    made = facts.get("created", seconds(START))
    return {
        "id": f"evt_{kind.replace('.', '_')}_{made}",
        "object": "event",
        "type": kind,
        "created": made,
        "api_version": API_VERSION,
        "livemode": False,
        "pending_webhooks": 1,
        "data": {"object": content},
        **facts,
    }


def signed(body: bytes, moment: datetime, secret: str = SIMULATED_SECRET) -> str:
    """The header of a body that is sent at `moment`."""
    header: str = WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=seconds(moment))
    return header


@dataclass
class Book:
    """Answers requests for one object or for a list, and changes as it is told.

    `down` refuses them all, as with a key that is not valid.
    """

    objects: dict[str, Shape] = field(default_factory=dict)
    undelivered: list[Shape] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Shape] = field(default_factory=dict)
    """To requests that change something; others are told that there is no such thing."""
    changed: list[str] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    """Ids that lists leave out, as those of what is over."""
    down: bool = False

    def write(self, *shapes: Shape) -> None:
        """From now on these are the objects of their ids."""
        self.objects |= {shape["id"]: shape for shape in shapes}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path, query = scope["path"], scope["query_string"].decode()
        if scope["method"] == "GET":
            self.asked.append(f"{path}?{query}" if query else path)
            status, content = self._answer(path, query)
        else:
            status, content = await self._change(f"{scope['method']} {path}", receive)
        body = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _change(self, asked: str, receive: Any) -> tuple[int, Shape]:
        body = (await receive())["body"].decode()
        asked = f"{asked}?{body}" if body else asked
        self.changed.append(asked)
        if asked not in self.answers:
            return 404, MISSING
        self.write(self.answers[asked])
        return 200, self.answers[asked]

    def _answer(self, path: str, query: str) -> tuple[int, Shape]:
        if self.down:
            return 401, {"error": {"type": "invalid_request_error", "message": "no"}}
        match path.split("/")[2:]:
            case ["subscriptions"]:
                shown = [each for each in self.objects.values() if each["object"] == "subscription"]
                return 200, _page([each for each in shown if each["id"] not in self.hidden], query)
            case ["events"]:
                return 200, _page(self.undelivered, query)
            case [_, name] if name in self.objects:
                return 200, self.objects[name]
        return 404, MISSING


def _page(shapes: list[Shape], query: str) -> Shape:
    after = parse_qs(query).get("starting_after", [""])[0]
    begin = next((place + 1 for place, each in enumerate(shapes) if each["id"] == after), 0)
    more = len(shapes) > begin + PAGE
    return {"object": "list", "data": shapes[begin : begin + PAGE], "has_more": more, "url": "/v1/things"}
