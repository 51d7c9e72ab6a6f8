"""`python -m benchmarks.storm [--quick]`: what a storm of sign-ins does to everybody else.

One server on PostgreSQL, as it is by default, answers a cheap query 50 times a second: first alone, then while so many
sign in all the time that the queue of the hashes is full and some are refused. The load is a process of its own.
"""

import argparse
import asyncio
import logging
import sys
from dataclasses import asdict, dataclass

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
SECONDS = 20.0
QUICK = 5.0
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

    @property
    def ratio(self) -> float:
        """How many times as long the p99 is in the storm."""
        return self.storm_p99 / self.quiet_p99


async def measure(server: Process, profile: Profile, people: Seeded, *, seconds: float = SECONDS) -> Storm:
    """Ask a server on `profile`, whose first person asks and whose others sign in. Raises RuntimeError."""
    orders = Orders(people.tokens[0], RATE, seconds)
    quiet = await _seen(server, profile, orders)
    before = server.cpu_seconds() or 0.0
    storm = await _seen(server, profile, Orders(people.tokens[0], RATE, seconds, people.emails[1 : CROWD + 1]))
    took = (server.cpu_seconds() or 0.0) - before
    quiet_p50, quiet_p99 = np.percentile(quiet.latencies, (50, 99)).tolist()
    storm_p50, storm_p99 = np.percentile(storm.latencies, (50, 99)).tolist()
    rates = (storm.signed_in / storm.seconds, storm.refused / storm.seconds, took / storm.seconds)
    return Storm(quiet_p50, quiet_p99, storm_p50, storm_p99, *rates)


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
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:.0f} s of each instead of {SECONDS:.0f}")
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
    print(f"storm: p50 {found.storm_p50:.1f} ms, p99 {found.storm_p99:.1f} ms, {found.ratio:.1f} times")
    print(f"{found.signed_in:.0f} signed in and {found.refused:.0f} refused a second; {found.cpu:.2f} processors")
    return int(found.ratio >= GOAL)


if __name__ == "__main__":
    sys.exit(main())
