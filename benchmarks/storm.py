"""`python -m benchmarks.storm [--quick]`: what a storm of sign-ins does to everybody else.

One server on PostgreSQL, as it is by default, answers a cheap query 50 times a second: in turns alone, and while people
sign in, so many that the queue of the hashes is always full and some are refused. The load is a process of its own.
"""

import argparse
import asyncio
import logging
import sys
from dataclasses import asdict, dataclass, replace

import numpy as np
import orjson

from benchmarks import processes, report
from benchmarks.node import ROOT
from benchmarks.processes import Process, Profile
from benchmarks.seeding import Seeded, seed
from benchmarks.storm_client import Orders, Seen
from core.logging import configure_logging
from services.app import assemble, opened

RATE = 50
"""Cheap queries in a second."""
ROUNDS = 4
"""Turns of both: what else the machine does falls on both, and the slowest of one turn are too few to judge by."""
SECONDS = 10.0
QUICK = 1.0
"""Seconds of each half of a round."""
CROWD = 100
"""Who signs in all the time: about three times as many as have room in the queue of two processors."""
GOAL = 3.0
"""How many times the p99 of the quiet server the p99 in the storm may be."""


@dataclass(frozen=True)
class Storm:
    """Milliseconds of the cheap query, sign-ins that were let in and refused in a second, and processor time."""

    quiet_p50: float
    quiet_p99: float
    storm_p50: float
    storm_p99: float
    signed_in: float
    refused: float
    cpu: float
    """Processors that the server took in the storm."""
    failed: int
    """Cheap queries that were answered with an error in the storm."""
    ratios: tuple[float, ...]
    """Of the p99 in the storm to the quiet one, by round."""

    @property
    def ratio(self) -> float:
        """How many times as long the p99 is in the storm, of the queries of all rounds."""
        return self.storm_p99 / self.quiet_p99


async def measure(server: Process, profile: Profile, people: Seeded, *, seconds: float = SECONDS) -> Storm:
    """Ask a server on `profile`, whose first person asks and whose others sign in. Raises RuntimeError."""
    calm = Orders(people.tokens[0], RATE, seconds)
    rough = replace(calm, emails=people.emails[1 : CROWD + 1])
    alone, storms, took = [], [], 0.0
    for _ in range(ROUNDS):
        alone.append(await _seen(server, profile, calm))
        before = server.cpu_seconds() or 0.0
        storms.append(await _seen(server, profile, rough))
        took += (server.cpu_seconds() or 0.0) - before
    lasted = sum(storm.seconds for storm in storms)
    return Storm(
        *_percentiles(alone),
        *_percentiles(storms),
        sum(storm.signed_in for storm in storms) / lasted,
        sum(storm.refused for storm in storms) / lasted,
        took / lasted,
        sum(storm.failed for storm in storms),
        tuple(_percentiles([storm])[1] / _percentiles([quiet])[1] for quiet, storm in zip(alone, storms, strict=True)),
    )


def _percentiles(seen: list[Seen]) -> tuple[float, float]:
    """The p50 and the p99 of all queries together."""
    low, high = np.percentile([latency for each in seen for latency in each.latencies], (50, 99)).tolist()
    return low, high


async def _seen(server: Process, profile: Profile, orders: Orders) -> Seen:
    path = profile.folder / "orders.json"
    path.write_bytes(orjson.dumps(asdict(orders)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.storm_client", str(server.port), str(path), stdout=-1, cwd=ROOT
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("The load has failed: the reason stands above.")
    return Seen(**orjson.loads(told))


async def prepared(profile: Profile) -> Seeded:
    """Everybody."""
    app = assemble(profile.settings)
    async with opened(app):
        return await seed(app, people=CROWD + 1, items=20)


def main() -> int:
    """0 when the goal is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help=f"rounds of {2 * QUICK:.0f} s instead of {2 * SECONDS:.0f}"
    )
    seconds = QUICK if parser.parse_args().quick else SECONDS
    configure_logging("warning", "console")
    logging.getLogger("tortoise.db_client").propagate = False
    with processes.production() as profile:
        people = asyncio.run(prepared(profile))
        with processes.porchlight(profile) as server:
            processes.wait_for_ranking(server, people.tokens[0])
            found = asyncio.run(measure(server, profile, people, seconds=seconds))
    print(f"{report.machine()}; load {report.system_load()}")
    print(f"quiet: p50 {found.quiet_p50:.1f} ms, p99 {found.quiet_p99:.1f} ms")
    print(f"storm: p50 {found.storm_p50:.1f} ms, p99 {found.storm_p99:.1f} ms, {found.ratio:.2f} times")
    print(f"by round: {', '.join(f'{ratio:.2f}' for ratio in found.ratios)} times")
    print(f"{found.signed_in:.0f} signed in and {found.refused:.0f} refused a second; {found.failed} errors for others")
    print(f"{found.cpu:.2f} processors for the server")
    return int(found.ratio >= GOAL)


if __name__ == "__main__":
    sys.exit(main())
