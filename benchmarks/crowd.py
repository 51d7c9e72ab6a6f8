"""`python -m benchmarks.crowd`: what many countdowns in one process cost, at 30 s with changes, and at 1 Hz.

Server and clients are processes of their own; each countdown is a WebSocket of its own person, session and trial.
"""

import argparse
import asyncio
import logging
import random
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- the crowd is a process of its own
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import orjson
import websockets
from websockets.typing import Subprotocol

from benchmarks import processes, report
from benchmarks.countdown import allow_files
from benchmarks.node import ROOT
from benchmarks.processes import Process, Profile
from benchmarks.seeding import seed
from core.logging import configure_logging
from models.sessions import Session
from models.trials import Trial
from services.app import App, assemble, opened
from services.trials.countdown import CHANNEL

CADENCE = 30
CHANGES = 3
"""Trials that change in each second."""
SPANS = 3
"""Stretches of the slow cadence. Others work on the machine, so the least that one took tells most."""
SETTLING = 5.0
ASLEEP = 15
"""Seconds for which one does not read."""
EACH_SECOND = (0.5, 1.0)
"""Which share of them goes at 1 Hz, in steps."""
HURRIED = 10
"""Seconds of each step."""
MEGABYTE = 1024 * 1024
PROTOCOL = Subprotocol("graphql-transport-ws")
READ = "{ plans { key } }"
"""Something that anybody may ask."""


@dataclass(frozen=True)
class Heard:
    """One span of time: seconds, the share of a core that the server took, and lags in milliseconds."""

    seconds: float
    cpu: float
    ticks: list[float]
    changes: list[float]
    lost: int
    open: int
    dreams: dict[str, int]

    @property
    def rate(self) -> float:
        """Ticks that arrived in a second."""
        return len(self.ticks) / self.seconds

    def line(self, name: str) -> str:
        """The figures, for people."""
        each = f"{self.cpu / self.rate * 1e6:.0f} us each" if self.ticks else "none"
        parts = [f"{name}: {self.cpu:.1%} of a core", f"{self.rate:,.0f} ticks/s ({each})"]
        parts.append(f"lag {_percentiles(self.ticks)}")
        if self.changes:
            parts.append(f"{len(self.changes)} changes, lag {_percentiles(self.changes)}")
        return "; ".join([*parts, f"{self.lost} sockets lost"])


class Crowd:
    """The process that watches."""

    def __init__(self, process: "subprocess.Popen[bytes]", server: Process) -> None:
        self._process = process
        self._server = server

    def order(self, what: str, number: int) -> Heard:
        """Have it do something, and what was heard meanwhile. Raises RuntimeError when it has gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        before, since = self._server.cpu_seconds() or 0.0, time.perf_counter()
        self._process.stdin.write(orjson.dumps([what, number]) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The crowd has gone: the reason stands above.")
        elapsed, taken = time.perf_counter() - since, (self._server.cpu_seconds() or 0.0) - before
        return Heard(elapsed, taken / elapsed, **orjson.loads(line))


async def change(app: App, ids: list[int], seconds: float) -> None:
    """Change a few trials each second, as another process would, and tell."""
    until = app.clock.now().timestamp() + seconds
    while app.clock.now().timestamp() < until:
        for trial_id in random.sample(ids, CHANGES):
            trial = await Trial.get(id=trial_id)
            await Trial.filter(id=trial_id, version=trial.version).update(version=trial.version + 1)
            await app.bus.publish(CHANNEL, str(trial_id))
            await asyncio.sleep(1 / CHANGES)


async def calm(profile: Profile, crowd: Crowd, seconds: int) -> Heard:
    """The slow cadence, with changes."""
    app = assemble(profile.settings)
    async with opened(app):
        ids: Any = await Trial.all().values_list("id", flat=True)
        changing = asyncio.create_task(change(app, list(ids), seconds - 1))
        heard = await asyncio.to_thread(crowd.order, "count", seconds)
        await changing
    return heard


async def prepared(profile: Profile, people: int) -> list[str]:
    """Access tokens of as many people, and of one more, whose session will be ended."""
    app = assemble(profile.settings)
    async with opened(app):
        return (await seed(app, people=people + 1, items=20)).tokens


def measure(profile: Profile, people: int, calm_seconds: int) -> None:
    """Print everything."""
    *tokens, ending = asyncio.run(prepared(profile, people))
    path = profile.folder / "tokens.json"
    path.write_bytes(orjson.dumps(tokens))
    with processes.porchlight(profile) as server:
        processes.wait_for_ranking(server, tokens[0])
        empty = Held.by(server)
        command = [sys.executable, "-m", "benchmarks.crowd_client", str(server.port), str(path)]
        with subprocess.Popen(  # ruff: ignore[subprocess-without-shell-equals-true] -- our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        ) as process:
            crowd = Crowd(process, server)
            try:
                _opened(server, crowd, people, empty)
                _calm(profile, crowd, calm_seconds)
                _dropped(server, crowd, people // 2)
                _slow(server, crowd)
                _stormed(profile, server, crowd, ending)
                _hurried(crowd, people)
            finally:
                if process.stdin is not None:
                    process.stdin.close()


def _opened(server: Process, crowd: Crowd, people: int, empty: "Held") -> None:
    opening = crowd.order("open", CADENCE)
    say(f"{people:,} countdowns opened in {opening.seconds:.0f} s, {opening.cpu:.0%} of a core")
    time.sleep(SETTLING)
    full = Held.by(server)
    each = (full.memory - empty.memory) / people / 1024
    say(f"without them: {empty}; with them: {full}; {each:.1f} KiB each")


def _calm(profile: Profile, crowd: Crowd, seconds: int) -> None:
    spans = [asyncio.run(calm(profile, crowd, seconds)) for _ in range(SPANS)]
    for span in spans:
        say(span.line(f"every {CADENCE} s, {CHANGES} changes/s"))
    mean = sum(span.cpu for span in spans) / SPANS
    say(f"the least of {SPANS}: {min(span.cpu for span in spans):.1%} of a core; all of them: {mean:.1%}")


def _dropped(server: Process, crowd: Crowd, some: int) -> None:
    before = Held.by(server)
    crowd.order("drop", some)
    time.sleep(SETTLING)
    after = Held.by(server)
    crowd.order("open", CADENCE)
    say(f"{some:,} abrupt closes: {before}; after them {after}; with as many anew {Held.by(server)}")


def _slow(server: Process, crowd: Crowd) -> None:
    dreams = crowd.order("doze", ASLEEP).dreams
    say(
        f"one that does not read for {ASLEEP} s: of {dreams['due']:,} ticks {dreams['late']:,} came late, the others "
        f"never; all of its countdowns told of the present after {dreams['until']:,} ms; {Held.by(server)}"
    )


def _stormed(profile: Profile, server: Process, crowd: Crowd, ending: str) -> None:
    storm, ended, slowest = asyncio.run(all_at_once(profile, server, crowd, ending))
    say(
        f"{storm.open:,} subscriptions at once: open after {storm.seconds:.0f} s, {storm.cpu:.0%} of a core; "
        f"meanwhile the slowest answer to others took {slowest * 1000:,.0f} ms, and a session that nobody told the end "
        f"of lost its socket after {ended:.1f} s"
    )


def _hurried(crowd: Crowd, people: int) -> None:
    for share in EACH_SECOND:
        count = crowd.order("hurry", int(share * people)).open
        say(crowd.order("count", HURRIED).line(f"{count:,} every second"))


async def all_at_once(profile: Profile, server: Process, crowd: Crowd, ending: str) -> tuple[Heard, float, float]:
    """Have everybody subscribe in one moment, end a session meanwhile, and ask as somebody else all the time.

    What was heard, seconds until the session's socket was closed, and the slowest answer's.
    """
    app = assemble(profile.settings)
    url = f"{server.url.replace('http', 'ws')}/graphql"
    async with opened(app), websockets.connect(url, subprotocols=[PROTOCOL]) as connection:
        await connection.send(
            orjson.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {ending}"}}).decode()
        )
        await connection.recv()
        opening = asyncio.create_task(asyncio.to_thread(crowd.order, "storm", CADENCE))
        asking = asyncio.create_task(_slowest_answer(server, opening))
        last = await Session.all().order_by("-id").first()
        assert last is not None
        await Session.filter(id=last.id).update(revoked_at=app.clock.now())
        since = time.perf_counter()
        await connection.wait_closed()
        ended = time.perf_counter() - since
        return await opening, ended, await asking


async def _slowest_answer(server: Process, during: "asyncio.Task[Heard]") -> float:
    slowest = 0.0
    async with httpx.AsyncClient(timeout=60) as client:
        while not during.done():
            since = time.perf_counter()
            answer = await client.post(f"{server.url}/graphql", json={"query": READ})
            assert "errors" not in answer.json(), answer.text
            slowest = max(slowest, time.perf_counter() - since)
            await asyncio.sleep(0.2)
    return slowest


@dataclass(frozen=True)
class Held:
    """What a server holds: countdowns and tasks, pieces of memory in use, and bytes that it has of the system."""

    countdowns: int
    tasks: int
    blocks: int
    memory: int

    @classmethod
    def by(cls, server: Process) -> "Held":
        """As its metrics tell."""
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        told = dict(line.split() for line in lines if line.startswith("porchlight_") and "{" not in line)
        names = ("countdowns", "tasks", "memory_blocks")
        countdowns, tasks, blocks = (int(float(told[f"porchlight_{name}"])) for name in names)
        return cls(countdowns, tasks, blocks, server.memory() or 0)

    def __str__(self) -> str:
        blocks, memory = self.blocks / 1e6, self.memory / MEGABYTE
        return f"{self.countdowns:,} countdowns, {self.tasks:,} tasks, {blocks:.2f} M objects, {memory:.0f} MiB"


def _percentiles(lags: list[float]) -> str:
    if not lags:
        return "unknown"
    return f"p50 {np.percentile(lags, 50):.0f} ms, p99 {np.percentile(lags, 99):.0f} ms"


def say(line: str) -> None:
    """Tell at once."""
    print(line, flush=True)


def main() -> int:
    """0 when it was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=20, help="of each stretch of the slow cadence")
    given = parser.parse_args()
    configure_logging("warning", "console")
    logging.getLogger("tortoise.db_client").propagate = False
    allow_files()
    say(f"{report.machine()}; load {report.system_load()}")
    with processes.production() as profile:
        measure(profile, given.people, given.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
