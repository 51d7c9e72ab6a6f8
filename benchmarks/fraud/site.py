"""The server in this process, reached as from outside: requests over ASGI, whose headers keep their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import EmailMessage
from ipaddress import ip_network
from typing import Any

import orjson
from starlette.types import ASGIApp, Message

from benchmarks.fraud.browsers import Headers
from benchmarks.fraud.events import NEW_YEAR
from core.settings import Settings
from models.jobs import Job
from resolvers.root import build_schema
from services.app import App, assemble, opened
from services.ports import choose_ports
from web.routes import build_site
from worker.tasks import TASKS

PROXY = "127.0.0.1"
PUBLIC_URL = "http://localhost:8000"
"""What pages come from and tokens name: nobody listens there."""
ENGINE = "fraud"
"""How the kinds of jobs begin that what is measured may depend on."""
RATE_LIMITS = False
"""A network's limits would hold back a simulated office that a real one's pace does not meet."""


class SimulatedClock:
    """Jumps from event to event. What waits for a later time waits until the end."""

    def __init__(self) -> None:
        self.at = NEW_YEAR

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


@dataclass
class Letters:
    """Mail as its owners find it: the newest letter of each mailbox."""

    newest: dict[str, EmailMessage] = field(default_factory=dict)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def send(self, message: EmailMessage) -> None:
        self.newest[str(message["To"])] = message


@dataclass
class Site:
    """A running application, its clock, and the letters that have left it."""

    app: App
    clock: SimulatedClock
    letters: Letters
    asgi: ASGIApp = field(repr=False)

    async def ask(self, query: str, variables: dict[str, Any], *, ip: str, headers: Headers) -> dict[str, Any]:
        """The data of a GraphQL answer. Raises RuntimeError when it has errors."""
        body = orjson.dumps({"query": query, "variables": variables})
        answer = orjson.loads(await self._post(body, ip, headers))
        if "errors" in answer:
            raise RuntimeError(f"The server answered {answer['errors']}.")
        data: dict[str, Any] = answer["data"]
        return data

    async def letter(self, address: str) -> str:
        """The text of the newest letter to an address, sent now if it waits; empty when there is none."""
        await self._run(await Job.filter(created_at=self.clock.now(), done_at=None).order_by("id"))
        letter = self.letters.newest.get(address)
        body = letter.get_body(("plain",)) if letter else None
        return str(body.get_content()) if body else ""

    async def work(self) -> None:
        """Do the engine's own jobs that are due. Letters that nobody waits for stay unsent: they take half the time."""
        due = Job.filter(kind__startswith=ENGINE, due_at__lte=self.clock.now(), done_at=None)
        await self._run(await due.order_by("id"))

    async def _run(self, jobs: list[Job]) -> None:
        for job in jobs:
            await TASKS[job.kind](self.app, job.payload)
            await Job.filter(id=job.id).update(done_at=self.clock.now(), due_at=None)

    async def _post(self, body: bytes, ip: str, headers: Headers) -> bytes:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/graphql", "raw_path": b"/graphql", "query_string": b"", "root_path": "",
            "client": (PROXY, 1), "server": ("localhost", 8000), "headers": _encoded(body, ip, headers),
        }  # fmt: skip
        requests = iter([{"type": "http.request", "body": body, "more_body": False}])
        answered = bytearray()

        async def receive() -> Message:  # ruff: ignore[unused-async] -- ASGI awaits it
            return next(requests, {"type": "http.disconnect"})

        async def send(message: Message) -> None:  # ruff: ignore[unused-async] -- as above
            answered.extend(message.get("body", b""))

        await self.asgi(scope, receive, send)
        return bytes(answered)


def _encoded(body: bytes, ip: str, headers: Headers) -> list[tuple[bytes, bytes]]:
    """As they arrive behind a proxy: the host first, the body's two next, then the browser's own order."""
    content = (("Host", "localhost:8000"), ("Content-Length", str(len(body))), ("Content-Type", "application/json"))
    every = (*content, *headers, ("X-Forwarded-For", ip))
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in every]


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[Site]:
    """A site over the database of the settings, at the beginning of the year."""
    settings = replace(
        settings,
        public_url=PUBLIC_URL,
        rate_limits=RATE_LIMITS,
        argon2_memory_kib=8,
        trusted_proxies=(ip_network(f"{PROXY}/32"),),
        graphiql="on",
    )
    clock, letters = SimulatedClock(), Letters()
    app = assemble(settings, replace(choose_ports(settings), mail=letters), clock)
    async with opened(app):
        schema = build_schema(introspection=True)
        yield Site(app, clock, letters, build_site(app, schema, nullcontext))
