"""What a server still holds after many different documents: nobody may fill its memory by varying a query."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import orjson

from benchmarks import processes
from benchmarks.generator import Plan, Shot, fire
from benchmarks.measures import say
from benchmarks.peers.commands import STOCK_COMMAND
from benchmarks.processes import Process
from benchmarks.seeding import seed
from services.app import assemble, opened

CONNECTIONS = 4
AGAIN = 20
"""Each document with such a number is sent three times, so that what is made at a second sight is made."""


@dataclass(frozen=True)
class Effort:
    """How many different documents, and in how many steps."""

    documents: int = 100_000
    of_peer: int = 10_000
    steps: int = 5


FULL, QUICK = Effort(), Effort(documents=200, of_peer=100, steps=2)


@dataclass(frozen=True)
class Held:
    """After so many documents: bytes that the process has of the system, and pieces of memory that Python uses."""

    documents: int
    memory: int
    blocks: int


@dataclass(frozen=True)
class Filled:
    """One server, from before the first document to after the last."""

    name: str
    held: list[Held]

    @property
    def growth(self) -> float:
        """Bytes for each document, over the second half: by then whatever is bounded is full."""
        half, last = self.held[len(self.held) // 2], self.held[-1]
        return (last.memory - half.memory) / max(1, last.documents - half.documents)


def fill(effort: Effort) -> list[Filled]:
    """Send them to Porchlight and to Strawberry as it comes, at the same time."""
    with processes.production() as profile:
        app = assemble(profile.settings)

        async def seeded() -> str:
            async with opened(app):
                return (await seed(app, people=1, items=20)).tokens[0]

        token = asyncio.run(seeded())
        with processes.porchlight(profile) as ours:
            key = processes.key_of(ours, token)
            with processes.peer(profile, STOCK_COMMAND, key) as stock, ThreadPoolExecutor(1) as thread:
                say(f"{effort.documents:,} different documents")
                theirs = thread.submit(_filled, "Strawberry + Tortoise", stock, _blocks, token, effort.of_peer, effort)
                return [_filled("Porchlight", ours, _metric, token, effort.documents, effort), theirs.result()]


def _filled(
    name: str, server: Process, blocks: Callable[[Process], int], token: str, documents: int, effort: Effort
) -> Filled:
    step = documents // effort.steps
    _sent(server, different(token, -step, 0))
    held = [Held(0, server.memory() or 0, blocks(server))]
    for number in range(effort.steps):
        _sent(server, different(token, number * step, (number + 1) * step))
        held.append(Held((number + 1) * step, server.memory() or 0, blocks(server)))
    return Filled(name, held)


def different(token: str, first: int, end: int) -> list[Shot]:
    """Documents that differ in names, aliases, arguments, comments and mistakes: one of each number, some thrice."""
    numbers = [number for number in range(first, end) for _ in range(1 if not _is_theirs(number) else 3)]
    return [_shot(_document(number), token if _is_theirs(number) else None) for number in numbers]


def _is_theirs(number: int) -> bool:
    return not number % AGAIN


def _document(number: int) -> str:
    name = f"{'n' if number < 0 else 'p'}{abs(number)}"
    if _is_theirs(number):
        return f"{{ me {{ {name}: trial {{ status secondsLeft }} }} }}"
    forms = [
        f"query {name} {{ __typename }}",
        f"{{ {name}: __typename }}",
        f"{{ __typename }} # {name}",
        f"query (${name}: Boolean = true) {{ __typename @include(if: ${name}) }}",
        f"{{ me {{ recommendations(first: {abs(number)}) {{ {name} }} }} }}",
    ]
    return forms[number % len(forms)]


def _shot(document: str, token: str | None) -> Shot:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return Shot("document", "POST", "/graphql", headers, orjson.dumps({"query": document}).decode(), "")


def _sent(server: Process, shots: Sequence[Shot]) -> None:
    sample = fire(server, Plan(shots, 0, connections=CONNECTIONS, amount=len(shots)))
    if sample.count != len(shots):
        raise RuntimeError(f"{len(shots) - sample.count} of {len(shots)} documents were not answered.")


def _metric(server: Process) -> int:
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("porchlight_memory_blocks "))


def _blocks(server: Process) -> int:
    return int(httpx.get(f"{server.url}/blocks").text)
