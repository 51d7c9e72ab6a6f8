"""The load generator: autocannon, run by Node in a process of its own (ADR 0014)."""

import json
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- autocannon is a program
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.node import AUTOCANNON, node
from benchmarks.processes import Process

ROUNDING = 2.0
"""Seconds by which a steady load outlasts its plan: it begins within one, and looks once a second for its end."""
PERIOD = 1000.0
"""Milliseconds between two requests that one connection of a steady load has to send."""


@dataclass(frozen=True)
class Shot:
    """One request. An answer that is no 200, or lacks the text `expected`, counts as an error."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: str
    expected: str


@dataclass(frozen=True)
class Plan:
    """What to send: `shots` over and over for `seconds`.

    `connections` at a time, each asking again as soon as it is answered; or, with a `rate`, that many requests a second
    whatever the server does. Then `seconds` is a whole number. With an `amount`, so many requests and no time.
    """

    shots: Sequence[Shot]
    seconds: float
    connections: int = 1
    rate: int = 0
    amount: int = 0


@dataclass(frozen=True)
class Sample:
    """What came of a load: milliseconds of each answer by kind, and what went wrong."""

    seconds: float
    milliseconds: dict[str, list[float]]
    errors: int
    cpu: float = 0.0
    """Of one core, that the generator itself took."""
    server: float | None = None
    """Processor seconds that the server took; None where they are not known."""
    by_kind: dict[str, int] = field(default_factory=dict)
    """Errors of each kind."""

    @property
    def count(self) -> int:
        """Answers of any kind."""
        return sum(len(each) for each in self.milliseconds.values())


def fire(server: Process, plan: Plan) -> Sample:
    """Send a plan's requests to a server, and see what they cost it."""
    before = server.cpu_seconds()
    sample = run(server.url, plan)
    after = server.cpu_seconds()
    return sample if before is None or after is None else replace(sample, server=after - before)


def run(url: str, plan: Plan) -> Sample:
    """Send a plan's requests."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({"url": url, **asdict(plan)}, file)
        file.flush()
        command: list[str | Path] = [node(), AUTOCANNON / "load.mjs", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # ruff: ignore[subprocess-without-shell-equals-true] -- the command is written here
    if done.returncode:
        raise RuntimeError(f"The load generator failed:\n{done.stderr}")
    return read(json.loads(done.stdout), plan)


def read(printed: dict[str, Any], plan: Plan) -> Sample:
    """What the generator printed.

    In a steady load each connection has a request due every second. An answer that takes longer keeps the next
    request back: the time by which it is late counts as that request's own, so that a server which stalls is charged
    for all the requests that it kept waiting, and not for one (coordinated omission).
    """
    milliseconds: dict[str, list[float]] = defaultdict(list)
    errors: dict[str, int] = defaultdict(int)
    late: dict[int, float] = defaultdict(float)
    for connection, shot, taken, ok in printed["answers"]:
        total = taken + late[connection]
        if plan.rate:
            late[connection] = max(0.0, total - PERIOD)
        kind = plan.shots[shot].kind
        milliseconds[kind].append(total)
        errors[kind] += not ok
    failed = sum(errors.values()) + int(printed["lost"])
    seconds = max(plan.seconds, printed["seconds"] - ROUNDING) if plan.rate else printed["seconds"]
    return Sample(seconds, dict(milliseconds), failed, cpu=printed["cpu"], by_kind=dict(errors))


def together(samples: Iterable[Sample]) -> Sample:
    """Several samples of the same load as one."""
    samples = list(samples)
    milliseconds: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        for kind, taken in sample.milliseconds.items():
            milliseconds[kind] += taken
    seconds = sum(sample.seconds for sample in samples)
    servers = [sample.server for sample in samples if sample.server is not None]
    return Sample(
        seconds,
        dict(milliseconds),
        sum(sample.errors for sample in samples),
        cpu=sum(sample.cpu * sample.seconds for sample in samples) / seconds,
        server=sum(servers) if len(servers) == len(samples) else None,
    )
