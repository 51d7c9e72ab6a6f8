"""Everybody's countdown at 1 Hz in one process: the last part of `benchmarks.crowd`, as `make bench` has it."""

import asyncio
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- the crowd is a process of its own
import sys
from dataclasses import dataclass

import orjson

from benchmarks import processes
from benchmarks.crowd import Crowd, prepared
from benchmarks.figures import P50, P99, percentile
from benchmarks.measures import say
from benchmarks.node import ROOT

SETTLING = 3
LATE = 1000.0
"""Milliseconds of lag that the goal allows at p99."""
HEARD = 0.99
"""Ticks that must have come, of those that were due."""


@dataclass(frozen=True)
class Effort:
    """How many, and for how many seconds."""

    people: int = 10_000
    seconds: int = 10


FULL, QUICK = Effort(), Effort(people=100, seconds=2)


@dataclass(frozen=True)
class Hurried:
    """Lags are milliseconds; `opening` is in seconds, `cpu` of a core, `memory` in bytes."""

    people: int
    rate: float
    """Ticks that came in a second."""
    p50: float
    p99: float
    lost: int
    cpu: float
    opening: float
    memory: int | None

    @property
    def in_time(self) -> bool:
        """Whether each has had its ticks, within a second."""
        return not self.lost and self.rate >= HEARD * self.people and self.p99 < LATE


def hurry(effort: Effort) -> Hurried:
    """Open a countdown at 1 Hz for each of so many people, then listen."""
    say(f"{effort.people:,} countdowns at 1 Hz")
    with processes.production() as profile:
        tokens = asyncio.run(prepared(profile, effort.people))[:-1]
        path = profile.folder / "tokens.json"
        path.write_bytes(orjson.dumps(tokens))
        with processes.porchlight(profile) as server:
            processes.wait_for_ranking(server, tokens[0])
            command = [sys.executable, "-m", "benchmarks.crowd_client", str(server.port), str(path)]
            with subprocess.Popen(  # ruff: ignore[subprocess-without-shell-equals-true] -- our own program
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
            ) as process:
                crowd = Crowd(process, server)
                opening = crowd.order("open", 1)
                crowd.order("count", SETTLING)
                heard = crowd.order("count", effort.seconds)
                memory = server.memory()
                assert process.stdin is not None
                process.stdin.close()
    p50, p99 = percentile(heard.ticks, P50), percentile(heard.ticks, P99)
    return Hurried(effort.people, heard.rate, p50, p99, heard.lost, heard.cpu, opening.seconds, memory)
