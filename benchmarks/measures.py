"""The measures of one profile, in order."""

import asyncio
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- the countdowns' client is a process of its own
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks import operations, processes
from benchmarks.figures import Countdown, Figures, Latency, latency
from benchmarks.generator import Plan, Sample, Shot, fire, together
from benchmarks.node import ROOT
from benchmarks.processes import Process, Profile
from benchmarks.seeding import Seeded, seed
from benchmarks.statements import Statements, count
from services.app import assemble, opened
from tests.clock import ManualClock


@dataclass(frozen=True)
class Effort:
    """How much of everything. Times are in seconds."""

    people: int = 1000
    items: int = 1000
    block: float = 4.0
    """One turn of an interleaved comparison."""
    turns: int = 3
    connections: int = 16
    signing_in: float = 6.0
    countdowns: int = 1000
    watching: int = 10
    rate: int = 50
    steadily: float = 30.0
    settling: float = 2.0


FULL = Effort()
QUICK = Effort(
    people=60, items=200, block=1.0, turns=1, signing_in=1.0, countdowns=60, watching=2, steadily=3.0, settling=1.0
)


def measure(start: Callable[[], AbstractContextManager[Profile]], effort: Effort) -> Figures:
    """All figures of a profile."""
    with start() as profile:
        say(f"{profile.name}: {effort.people:,} people, {effort.items:,} items")
        seeded, statements = asyncio.run(prepare(profile, effort))
        with processes.porchlight(profile) as server:
            processes.wait_for_ranking(server, seeded.tokens[0])
            with processes.handwritten(profile, processes.key_of(server, seeded.tokens[0])) as other:
                return _measured(profile.name, server, other, seeded, statements, effort)


async def prepare(profile: Profile, effort: Effort) -> tuple[Seeded, Statements]:
    """Fill the database, and count statements on it."""
    app = assemble(profile.settings)
    async with opened(app):
        seeded = await seed(app, people=effort.people, items=effort.items)
    return seeded, await count(profile.settings, seeded, ManualClock(app.clock.now()))


def _measured(
    name: str, server: Process, other: Process, seeded: Seeded, statements: Statements, effort: Effort
) -> Figures:
    feeds = operations.feeds(seeded.tokens), operations.handwritten_feeds(seeded.tokens)
    fire(server, Plan(feeds[0], 0, connections=4, amount=len(feeds[0])))  # a list for everybody
    for process, shots in zip((server, other), feeds, strict=True):
        fire(process, Plan(shots, effort.settling, connections=4))
    rows: list[Latency] = []
    for connections in (1, effort.connections):
        say(f"{name}: the feed, {connections} at a time, in turns with the endpoint written by hand")
        ours, by_hand = _in_turns([server, other], feeds, connections, effort)
        rows += [
            latency(f"feed, {connections} at a time", ours, queries=statements["feed"]),
            latency(f"written by hand, {connections} at a time", by_hand, queries=4),
        ]
    registrations = operations.registrations("newcomer", int(effort.signing_in * 200))
    for kind, shots in (("login", operations.logins(seeded.emails)), ("register", registrations)):
        say(f"{name}: {kind}")
        sample = fire(server, Plan(shots, effort.signing_in, connections=4))
        rows.append(latency(f"{kind}, 4 at a time", sample, queries=statements[kind]))
    say(f"{name}: {effort.countdowns:,} countdowns")
    countdown = watch(server, seeded.tokens[: effort.countdowns], effort.watching, statements)
    say(f"{name}: {effort.rate} requests/s for {effort.steadily:g} s")
    planned = int(effort.rate * effort.steadily)
    shots = operations.mixed(seeded.tokens, seeded.emails, 2 * planned)
    mixed = fire(server, Plan(shots, effort.steadily, rate=effort.rate))
    return Figures(name, rows, countdown, mixed, planned)


def _in_turns(
    servers: Sequence[Process], shots: Sequence[Sequence[Shot]], connections: int, effort: Effort
) -> list[Sample]:
    """A sample of each server, taken in turns so that whatever else the machine does meets all of them."""
    samples: list[list[Sample]] = [[] for _ in servers]
    for _ in range(effort.turns):
        for server, fired, taken in zip(servers, shots, samples, strict=True):
            taken.append(fire(server, Plan(fired, effort.block, connections=connections)))
    return [together(each) for each in samples]


def watch(server: Process, tokens: list[str], seconds: int, statements: Statements) -> Countdown:
    """Open a countdown with each token, and count."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tokens.json").write_bytes(orjson.dumps(tokens))
        command = [sys.executable, "-m", "benchmarks.countdown", f"{server.url.replace('http', 'ws')}/graphql", name]
        began = time.perf_counter()
        with subprocess.Popen([*command, str(seconds)], stdout=subprocess.PIPE, cwd=ROOT) as process:  # ruff: ignore[subprocess-without-shell-equals-true] -- our own program
            assert process.stdout is not None
            process.stdout.readline()
            opening = time.perf_counter() - began
            before, since = server.cpu_seconds(), time.perf_counter()
            process.stdout.read()
            after, elapsed = server.cpu_seconds(), time.perf_counter() - since
        if process.returncode:
            raise RuntimeError("The countdowns were not followed: the reason stands above.")
        lags = orjson.loads((folder / "followed.json").read_bytes())["lags"]
    cpu = None if before is None or after is None else (after - before) / elapsed
    costs = statements["countdown"], statements["tick"]
    return Countdown(len(tokens), seconds, lags, opening, cpu, server.memory(), *costs)


def say(line: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"{line} …\n")
