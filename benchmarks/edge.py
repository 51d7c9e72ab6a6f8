"""`python -m benchmarks.edge [--seconds N] [--documents N]`: what a request costs besides resolving.

It prints the processor time of the server for each request of a trivial operation, as the median of several rounds
with their spread, and what it holds after many different documents. Ratios of two versions are worth comparing, taken
one after the other on a quiet machine; the settings of the server are those of the caller's environment.
"""

import argparse
import asyncio
import os
import statistics
import time

import httpx
import orjson

from benchmarks.operations import REGISTER, credentials
from benchmarks.processes import Process, embedded, porchlight

CONNECTIONS = 16
ROUNDS = 5
DOCUMENTS = {
    "health": None,
    "typename": "{ __typename }",
    "me": "query Me { me { id } }",
    "refused": "{ nothing }",
}
"""What is asked; `health` is no GraphQL at all, and shows what the server itself costs."""


def request_of(document: str | None, token: str | None) -> bytes:
    """The bytes of a request."""
    if document is None:
        return b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    body = orjson.dumps({"query": document})
    bearer = f"authorization: Bearer {token}\r\n" if token else ""
    head = f"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{bearer}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def ask(port: int, request: bytes, until: float) -> int:
    """Send a request again and again over one connection until then; how often it was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.monotonic() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        count += 1
    writer.close()
    return count


async def load(port: int, request: bytes, seconds: float) -> int:
    """Ask over all connections for so long; how many requests were answered."""
    until = time.monotonic() + seconds
    return sum(await asyncio.gather(*(ask(port, request, until) for _ in range(CONNECTIONS))))


def cost(process: Process, request: bytes, seconds: float) -> tuple[float, float, float]:
    """Microseconds of processor time that a request takes: the least, the median and the most of the rounds."""
    asyncio.run(load(process.port, request, min(1.0, seconds)))
    rounds = []
    for _ in range(ROUNDS):
        before = process.cpu_seconds() or 0.0
        count = asyncio.run(load(process.port, request, seconds))
        rounds.append(((process.cpu_seconds() or 0.0) - before) / count * 1e6)
    return min(rounds), statistics.median(rounds), max(rounds)


def remembered(process: Process, count: int) -> list[tuple[int, float]]:
    """How many MB the server holds, while it is sent so many different documents of 2,000 characters."""
    found = []
    with httpx.Client(base_url=process.url) as client:
        for number in range(count + 1):
            if number % max(1, count // 5) == 0:
                found.append((number, (process.memory() or 0) / 1e6))
            fields = " ".join(f"f{number}_{field}: __typename" for field in range(30))
            client.post("/graphql", json={"query": f"query Q{number} {{ {fields} }} # {'x' * 1_000}"})
    return found


def main() -> None:
    """Measure one server and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edge", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--documents", type=int, default=0, help="different documents to send; none by default")
    asked = parser.parse_args()
    level = os.environ.get("LOG_LEVEL", "warning")
    with embedded() as profile, porchlight(profile, LOG_LEVEL=level, LOG_FORMAT="json") as process:
        registration = {"query": REGISTER, "variables": credentials("ada@example.com")}
        answer = httpx.post(f"{process.url}/graphql", json=registration).json()
        token = answer["data"]["register"]["tokens"]["accessToken"]
        for name, document in DOCUMENTS.items():
            request = request_of(document, token if name == "me" else None)
            least, median, most = cost(process, request, asked.seconds)
            print(f"{name:10} {median:7.0f} us of CPU a request ({least:.0f} to {most:.0f})", flush=True)
        for number, size in remembered(process, asked.documents) if asked.documents else ():
            print(f"{number:10,} documents {size:7.1f} MB", flush=True)


if __name__ == "__main__":
    main()
