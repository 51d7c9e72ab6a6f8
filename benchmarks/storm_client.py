"""One who asks for little at fixed times, and a crowd that signs in: `python -m benchmarks.storm_client`.

It takes an address, a port and a file of orders (see `Orders`), and prints what it has seen as JSON.
"""

import asyncio
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks.operations import LOGIN, credentials

STEADY = "{ me { id email trial { status } } }"
WARMING = 1.0
"""Seconds before it is counted: connections, and a queue that has to fill."""


@dataclass(frozen=True)
class Orders:
    """For `seconds`, ask `rate` times a second with `token`; each of `emails` keeps signing in meanwhile."""

    token: str
    rate: int
    seconds: float
    emails: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """Milliseconds from the moment at which an answer was due to be asked for until it was there, and sign-ins."""

    latencies: list[float] = field(default_factory=list)
    signed_in: int = 0
    refused: int = 0
    failed: int = 0
    """How many of the answers were errors."""
    seconds: float = 0.0
    """How long it took to ask for everything."""


class Connection:
    """One connection of HTTP/1.1 to a server that tells the length of its answers."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._port = port
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect."""
        return cls(port, *await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> dict[str, Any]:
        """The answer to a request, over a new connection where the server has closed this one, which was at rest."""
        try:
            return await self._ask(request)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            return await self._ask(request)

    async def _ask(self, request: bytes) -> dict[str, Any]:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        answer: dict[str, Any] = orjson.loads(await self._reader.readexactly(int(length)))
        return answer


def request_of(query: str, variables: dict[str, Any] | None = None, token: str = "") -> bytes:
    """A request as it goes over the wire."""
    body = orjson.dumps({"query": query, "variables": variables})
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{authorization}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def ask_steadily(port: int, orders: Orders, seen: Seen) -> None:
    """Ask one thing after the other. Whoever is late is charged with it: each is due at its own time."""
    connection, request = await Connection.open(port), request_of(STEADY, token=orders.token)
    start = time.perf_counter() + WARMING
    for number in range(int(orders.rate * orders.seconds)):
        due = start + number / orders.rate
        await asyncio.sleep(due - time.perf_counter())
        answer = await connection.ask(request)
        seen.failed += "errors" in answer
        seen.latencies.append((time.perf_counter() - due) * 1000)


async def keep_signing_in(port: int, email: str, seen: Seen) -> None:
    """Sign in again and again; who is refused waits for as long as they are told."""
    connection, request = await Connection.open(port), request_of(LOGIN, credentials(email))
    while True:
        answer = await connection.ask(request)
        errors = answer.get("errors")
        if not errors:
            assert answer["data"]["login"]["__typename"] == "LoginSuccess", answer
            seen.signed_in += 1
            continue
        assert errors[0]["extensions"]["code"] == "UNAVAILABLE", answer
        seen.refused += 1
        await asyncio.sleep(errors[0]["extensions"]["retryAfter"])


async def obey(port: int, orders: Orders) -> Seen:
    """Do as told."""
    seen = Seen()
    async with asyncio.TaskGroup() as group:
        storm = [group.create_task(keep_signing_in(port, email, seen)) for email in orders.emails]
        await asyncio.sleep(WARMING if storm else 0)
        seen.signed_in = seen.refused = 0
        began = time.perf_counter()
        await ask_steadily(port, orders, seen)
        seen.seconds = time.perf_counter() - began
        for each in storm:
            each.cancel()
    return seen


def main(port: str, path: str) -> None:
    """Print what was seen."""
    orders = Orders(**orjson.loads(Path(path).read_bytes()))
    print(orjson.dumps(asdict(uvloop.run(obey(int(port), orders)))).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
