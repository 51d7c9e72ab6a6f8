"""The simulated Stripe for tests: it fails as it is told, and is asked within the process or over a socket."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from adapters.payments import StripePayments
from adapters.payments.simulated import SimulatedStripe
from tests.clock import ManualClock

KEY = "sk_test_of_this_test"


@dataclass(frozen=True)
class Answer:
    """What is answered instead, `delay` seconds late. A body that is no bytes becomes JSON."""

    status: int = 200
    body: Any = b""
    kind: str = "application/json"
    delay: float = 0.0
    length: int | None = None


@dataclass
class Scripted:
    """The simulated Stripe, behind what answers first: each answer once, then Stripe."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    site: SimulatedStripe = field(default_factory=lambda: SimulatedStripe(ManualClock()))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            self.asked.append({**headers, "what": f"{scope['method']} {scope['path']}"})
        if scope["type"] != "http" or not self.answers:
            await self.site(scope, receive, send)
            return
        answer = self.answers.pop(0)
        await asyncio.sleep(answer.delay)
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        length = len(body) if answer.length is None else answer.length
        headers_out = [(b"content-type", answer.kind.encode()), (b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers_out})
        await send({"type": "http.response.body", "body": body})


class Started(uvicorn.Server):
    """A server that says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def listening(site: Any) -> AsyncGenerator[str]:
    """The address of an ASGI application on a real port."""
    server = Started(uvicorn.Config(site, log_level="critical", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        try:
            await server.ready.wait()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def asking(site: Scripted, *, over_socket: bool, **options: float) -> AsyncGenerator[StripePayments]:
    """The adapter, asking `site`."""
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(listening(site)) if over_socket else "http://stripe.simulated"
        payments = StripePayments(KEY, base=base, site=None if over_socket else site, **options)
        stack.push_async_callback(payments.close)
        yield payments
