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

from benchmarks import processes, report
from benchmarks.countdown import allow_files
from benchmarks.node import ROOT
from benchmarks.processes import Process, Profile
from benchmarks.seeding import seed
from core.logging import configure_logging
from models.trials import Trial
from services.app import App, assemble, opened
from services.trials.countdown import CHANNEL

CADENCE = 30
CHANGES = 3
"""Trials that change in each second."""
EACH_SECOND = (1000, 2000)
"""How many of the countdowns that are left go at 1 Hz, in steps."""
SETTLING = 8.0
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Heard:
    """One span of time: seconds, the share of a core that the server took, and lags in milliseconds."""

    seconds: float
    cpu: float
    ticks: list[float]
    changes: list[float]
    lost: int

    def line(self, name: str) -> str:
        """The figures, for people."""
        rate = len(self.ticks) / self.seconds
        parts = [f"{name}: {self.cpu:.1%} of a core", f"{rate:,.0f} ticks/s", f"lag {_percentiles(self.ticks)}"]
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
    """Access tokens of as many people."""
    app = assemble(profile.settings)
    async with opened(app):
        return (await seed(app, people=people, items=20)).tokens


def measure(profile: Profile, people: int, calm_seconds: int) -> None:
    """Print everything."""
    tokens = asyncio.run(prepared(profile, people))
    path = profile.folder / "tokens.json"
    path.write_bytes(orjson.dumps(tokens))
    with processes.porchlight(profile) as server:
        processes.wait_for_ranking(server, tokens[0])
        empty = server.memory() or 0
        command = [sys.executable, "-m", "benchmarks.crowd_client", str(server.port), str(path)]
        with subprocess.Popen(  # ruff: ignore[subprocess-without-shell-equals-true] -- our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        ) as process:
            try:
                _measured(profile, server, Crowd(process, server), people, calm_seconds, empty)
            finally:
                if process.stdin is not None:
                    process.stdin.close()


def _measured(profile: Profile, server: Process, crowd: Crowd, people: int, seconds: int, empty: int) -> None:
    opening = crowd.order("open", CADENCE)
    say(f"{people:,} countdowns opened in {opening.seconds:.0f} s, {opening.cpu:.0%} of a core")
    time.sleep(SETTLING)
    full = server.memory() or 0
    each = (full - empty) / people / 1024
    say(f"memory: {empty / MEGABYTE:.0f} MiB without, {full / MEGABYTE:.0f} MiB with them: {each:.1f} KiB each")
    say(asyncio.run(calm(profile, crowd, seconds)).line(f"every {CADENCE} s, {CHANGES} changes/s"))
    before, since = server.memory() or 0, watching(server)
    crowd.order("drop", people // 2)
    time.sleep(SETTLING)
    after = server.memory() or 0
    say(
        f"{people // 2:,} abrupt closes: countdowns {since:,} to {watching(server):,}, "
        f"memory {before / MEGABYTE:.0f} to {after / MEGABYTE:.0f} MiB"
    )
    for count in EACH_SECOND:
        crowd.order("hurry", count)
        say(crowd.order("count", 10).line(f"{count:,} of them every second"))


def watching(server: Process) -> int:
    """How many countdowns the server says are open."""
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return next(int(float(line.split()[-1])) for line in lines if line.startswith("porchlight_countdowns "))


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
    parser.add_argument("--seconds", type=int, default=60, help="of the slow cadence")
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
