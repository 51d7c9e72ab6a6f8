"""The feed of Porchlight and of its peers, in turns, on the same rows of PostgreSQL (ADR 0056)."""

import asyncio
import importlib.metadata
import platform
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- node tells its version
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import httpx
import orjson

from adapters.database.addresses import PostgresServer, parse
from benchmarks import operations, processes
from benchmarks.comparing import Block, Compared, Server
from benchmarks.generator import Plan, Shot, fire
from benchmarks.measures import say
from benchmarks.node import installed
from benchmarks.peers.commands import HAND_COMMAND, MERCURIUS, STOCK_COMMAND
from benchmarks.processes import Process, Profile, seconds_of_children
from benchmarks.seeding import seed
from models.sessions import Session
from services import sessions
from services.app import App, assemble, opened

OURS, SHIPPED, STOCK, CACHED, NODE, HAND = (
    "Porchlight, token and session each time",
    "Porchlight as it ships",
    "Strawberry + Tortoise",
    "the same with parsed documents kept",
    "Fastify + Mercurius JIT + pg",
    "Starlette + asyncpg by hand",
)
AGES = 60
"""Seconds by which trials of two answers may differ."""
LONG = 450.0
"""Seconds after which no round begins: tokens last for ten minutes. A slow machine has fewer rounds."""
TRIES = 5
RENEWED = "SELECT count(*) FROM recommendation_slates WHERE expires_at > $1"
MOST = 6_000
"""Requests of one block: more than any of them answers in it."""


@dataclass(frozen=True)
class Effort:
    """How much of it. `block` is in seconds; a round is a block of each server at each number of connections."""

    people: int = 100
    items: int = 1000
    tokens: int = 200
    """Of each person. A block begins where the one before has ended: none is shown again while it may be known."""
    rounds: int = 7
    block: float = 2.0
    connections: tuple[int, ...] = (1, 16)


FULL, QUICK = Effort(), Effort(people=20, items=200, tokens=100, rounds=1, block=1.0)


@dataclass
class Rival:
    """One server, and how it is asked for the feed of each person in turn."""

    name: str
    process: Process
    shots: Sequence[Shot]
    people: int
    sent: int = 0

    def next(self) -> list[Shot]:
        """What comes after all that has been sent, enough for a block."""
        return list(islice(cycle(self.shots), self.sent, self.sent + MOST))

    @property
    def everybody(self) -> Sequence[Shot]:
        """One request of each person."""
        return self.shots[: self.people]


@dataclass(frozen=True)
class Tokens:
    """Access tokens: `fresh` begins with one of each person, then another one of each, and so on."""

    people: int
    fresh: list[str]

    @property
    def one_each(self) -> list[str]:
        """Those that somebody shows again and again."""
        return self.fresh[: self.people]


def compare(effort: Effort) -> Compared:
    """Start them all, see that they answer the same, and ask them in turns."""
    last = time.monotonic() + LONG
    with processes.production() as profile:
        tokens = asyncio.run(_seeded(profile, effort))
        with rivals(profile, tokens) as (them, missing):
            agree(them)
            return asyncio.run(_compared(profile, them, missing, effort, last))


async def _seeded(profile: Profile, effort: Effort) -> Tokens:
    app = assemble(profile.settings)
    async with opened(app):
        await seed(app, people=effort.people, items=effort.items)
        begun = await Session.all().order_by("id")
        return Tokens(effort.people, [_token(app, each, number) for number in range(effort.tokens) for each in begun])


def _token(app: App, session: Session, number: int) -> str:
    """Another genuine token of a session: they differ in what they say of when its user signed in."""
    shown = sessions.authentication_of(session)
    return app.keys.access_token(
        user_id=session.user_id,
        session_key=session.key,
        counter=session.counter,
        issued_at=session.rotated_at,
        authentication=replace(shown, at=shown.at - timedelta(seconds=number)),
    )


@contextmanager
def rivals(profile: Profile, tokens: Tokens) -> Generator[tuple[list[Rival], list[str]]]:
    """All servers, started, with the lists of everybody made; and what could not be started, with the reason."""
    with ExitStack() as stack:
        ours = stack.enter_context(processes.porchlight(profile, SESSION_CACHE="0"))
        shipped = stack.enter_context(processes.porchlight(profile))
        for process in (ours, shipped):
            processes.wait_for_ranking(process, tokens.fresh[0])
        them = [
            Rival(OURS, ours, operations.feeds(tokens.fresh), tokens.people),
            Rival(SHIPPED, shipped, operations.feeds(tokens.one_each), tokens.people),
        ]
        make_lists(profile, them[0])
        peers, missing = stack.enter_context(peers_of(profile, processes.key_of(ours, tokens.fresh[0]), tokens))
        yield them + peers, missing


@contextmanager
def peers_of(profile: Profile, key: str, tokens: Tokens) -> Generator[tuple[list[Rival], list[str]]]:
    """Whom Porchlight is compared with, started; and what this machine does not have, with the reason."""
    them, missing = list[Rival](), list[str]()
    with ExitStack() as stack:
        for name, command, shots in _commands(tokens.fresh):
            try:
                found = command()
            except (RuntimeError, OSError) as error:
                missing.append(f"{name} is missing: {str(error).splitlines()[0]}")
            else:
                process = stack.enter_context(processes.peer(profile, found, key))
                them.append(Rival(name, process, shots, tokens.people))
        yield them, missing


Command = Sequence[str | Path]


def _commands(tokens: Sequence[str]) -> list[tuple[str, Callable[[], Command], Sequence[Shot]]]:
    """How each peer is started, which raises RuntimeError where Node cannot be had, and what it is asked."""
    posted = operations.feeds(tokens)
    return [
        (STOCK, lambda: STOCK_COMMAND, posted),
        (CACHED, lambda: [*STOCK_COMMAND, "--cached"], posted),
        (NODE, lambda: [installed(MERCURIUS), MERCURIUS / "server.mjs"], posted),
        (HAND, lambda: HAND_COMMAND, operations.handwritten_feeds(tokens)),
    ]


def make_lists(profile: Profile, ours: Rival) -> float:
    """Have a list made for everybody, in place of all others. Milliseconds of the server's processor for each."""
    asyncio.run(_forgotten(profile))
    before = ours.process.cpu_seconds() or 0.0
    with httpx.Client(base_url=ours.process.url) as client:
        for shot in ours.everybody:
            answered(client, shot)
    return ((ours.process.cpu_seconds() or 0.0) - before) * 1000 / ours.people


async def _forgotten(profile: Profile) -> None:
    async with _connected(profile) as connection:
        await connection.execute("DELETE FROM recommendation_slates")


@asynccontextmanager
async def _connected(profile: Profile) -> AsyncGenerator[Any]:
    address = parse(profile.database_url)
    assert isinstance(address, PostgresServer)
    connection = await asyncpg.connect(**address.parameters())
    try:
        yield connection
    finally:
        await connection.close()


def answered(client: httpx.Client, shot: Shot) -> Any:
    """The data of one answer, without the seconds that are left, and these."""
    answer = client.request(shot.method, shot.path, content=shot.body, headers=shot.headers)
    if not answer.is_success or shot.expected not in answer.text:
        raise RuntimeError(f"{client.base_url} answered {answer.status_code}: {answer.text[:500]}")
    data: dict[str, Any] = orjson.loads(answer.content)["data"]
    return data, data["me"]["trial"].pop("secondsLeft")


def agree(them: Sequence[Rival]) -> None:
    """See that each gives the data that the first one gives, for everybody. Raises RuntimeError.

    A list that had to do without something is made again at each request: what differs is looked at once more.
    """
    with ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=rival.process.url)) for rival in them]
        for number in range(them[0].people):
            other: str | None = None
            for _ in range(TRIES):
                if not (other := _odd_one(them, clients, number)):
                    break
            else:
                raise RuntimeError(f"{other} does not answer what {them[0].name} answers.")


def _odd_one(them: Sequence[Rival], clients: Sequence[httpx.Client], number: int) -> str | None:
    wanted, seconds = answered(clients[0], them[0].shots[number])
    for rival, client in zip(them[1:], clients[1:], strict=True):
        data, left = answered(client, rival.shots[number])
        if data != wanted or abs(left - seconds) > AGES:
            return rival.name
    return None


async def _compared(
    profile: Profile, them: Sequence[Rival], missing: list[str], effort: Effort, last: float
) -> Compared:
    blocks: dict[tuple[str, int], list[Block]] = {}
    anew, renewed = [], 0
    async with _connected(profile) as connection:
        postmaster = processes.parent_of(await connection.fetchval("SELECT pg_backend_pid()"))
        for rival in them:
            await asyncio.to_thread(_block, rival, 4, effort.block, None)  # so that what compiles or is kept, is
        for number in range(effort.rounds):
            if number and time.monotonic() > last:
                break
            say(f"the feed and its peers: round {number + 1} of {effort.rounds}")
            place = number % len(them)
            for connections in effort.connections:
                anew.append(await asyncio.to_thread(make_lists, profile, them[0]))
                made = await connection.fetchval("SELECT max(expires_at) FROM recommendation_slates")
                for rival in (*them[place:], *them[:place]):
                    block = await asyncio.to_thread(_block, rival, connections, effort.block, postmaster)
                    blocks.setdefault((rival.name, connections), []).append(block)
                renewed += await connection.fetchval(RENEWED, made)
        version = str(connection.get_server_version()[0])
    servers = [Server(rival.name, rival.process.memory()) for rival in them]
    return Compared(servers, missing, versions(version), blocks, effort.people, anew, renewed)


def _block(rival: Rival, connections: int, seconds: float, postmaster: int | None) -> Block:
    before = seconds_of_children(postmaster)
    sample = fire(rival.process, Plan(rival.next(), seconds, connections=connections))
    rival.sent += sample.count
    after = seconds_of_children(postmaster)
    if sample.errors:
        raise RuntimeError(f"{rival.name}: {sample.errors} of {sample.count} answers were wrong.")
    return Block.of(sample, None if before is None or after is None else after - before)


def versions(postgres: str) -> str:
    """Of everything that takes part."""
    names = ("strawberry-graphql", "graphql-core", "tortoise-orm", "starlette", "uvicorn", "asyncpg", "PyJWT")
    of_python = [f"{name} {importlib.metadata.version(name)}" for name in names]
    wanted = orjson.loads((MERCURIUS / "package.json").read_bytes())["dependencies"]
    return ", ".join([f"PostgreSQL {postgres}", f"Python {platform.python_version()}", *of_python, *_of_node(wanted)])


def _of_node(wanted: dict[str, str]) -> list[str]:
    try:
        command: Command = [installed(MERCURIUS), "--version"]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # ruff: ignore[subprocess-without-shell-equals-true] -- written here
    except (RuntimeError, OSError):
        return []
    return [f"Node {found.strip().removeprefix('v')}", *(f"{name} {version}" for name, version in wanted.items())]
