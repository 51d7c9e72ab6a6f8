"""`python -m benchmarks [--quick] [--only PART]`: measure, print the figures, and write docs/performance.md.

With `--quick` it looks whether everything works, with `--only` it measures one part; neither writes anything.
"""

import argparse
import asyncio
import importlib
import importlib.util
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks import against, documents, hurrying, measures, processes, report, storm
from benchmarks.countdown import allow_files
from benchmarks.figures import Figures
from benchmarks.goals import Measured
from benchmarks.measures import say
from benchmarks.node import node
from benchmarks.report_peers import compared_tables, documents_table, goals_table
from core.clock import SystemClock
from core.logging import configure_logging

ROUNDS, FEW = 100, 10
"""Of resolving in memory: each takes a few hundredths of a second."""
PARTS = (
    "resolving",
    "peers",
    "documents",
    "countdowns",
    "storm",
    *(profile.__name__ for profile in processes.PROFILES),
)


def main() -> int:
    """0, also when a goal is missed: figures are told, not judged."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="look whether it works, and write nothing")
    parser.add_argument("--only", choices=PARTS, help="measure one part, and write nothing")
    given = parser.parse_args()
    configure_logging("warning", "console")
    logging.getLogger("tortoise.db_client").propagate = False  # its statements are counted, not shown
    node()
    allow_files()
    began, load = time.monotonic(), report.system_load()
    measured, profiles = run([given.only] if given.only else PARTS, quick=given.quick)
    if not given.quick and not given.only:
        written = report.Run(f"{SystemClock().now():%Y-%m-%d}", load, report.system_load(), time.monotonic() - began)
        report.PAPER.write_text(report.paper(profiles, sections(measured), written), encoding="utf-8")
    print(f"{report.machine()}; load at the beginning {load}; {time.monotonic() - began:.0f} s in all.")
    return 0


def run(parts: Sequence[str], *, quick: bool) -> tuple[Measured, list[Figures]]:
    """Measure these parts, each with its own database and servers, and print what each has found."""
    measured = Measured()
    for name, measure in _MEASURES.items():
        if name in parts and (found := measure(quick)):
            measured = replace(measured, **{name: found})
            print(f"\n{sections(measured).get(name, name)}\n", flush=True)
    print(f"\n{goals_table(measured)}\n", flush=True)
    profiles = []
    for profile in processes.PROFILES:
        if profile.__name__ in parts:
            profiles.append(measures.measure(profile, measures.QUICK if quick else measures.FULL))
            print(f"\n{profile.__name__}\n\n{report.tables(profiles[-1])}\n", flush=True)
    return measured, profiles


def sections(measured: Measured) -> dict[str, str]:
    """The tables of the engine's goals, by their names in the template."""
    found = {"goals": goals_table(measured)}
    if measured.peers:
        found["peers"] = compared_tables(measured.peers)
    if measured.documents:
        found["documents"] = documents_table(measured.documents)
    return found


def resolved(quick: bool) -> Any:  # ruff: ignore[boolean-type-hint-positional-argument] -- as each measure has it
    """What `benchmarks.resolving` finds."""
    found = importlib.util.find_spec("benchmarks.resolving")
    return importlib.import_module("benchmarks.resolving").measure(FEW if quick else ROUNDS) if found else None


def stormed(seconds: float) -> storm.Storm:
    """What a storm of sign-ins does, on a server of its own."""
    say("a storm of sign-ins")
    with processes.production() as profile:
        people = asyncio.run(storm.prepared(profile))
        with processes.porchlight(profile) as server:
            processes.wait_for_ranking(server, people.tokens[0])
            return asyncio.run(storm.measure(server, profile, people, seconds=seconds))


_MEASURES: dict[str, Callable[[bool], Any]] = {
    "resolving": resolved,
    "peers": lambda quick: against.compare(against.QUICK if quick else against.FULL),
    "documents": lambda quick: documents.fill(documents.QUICK if quick else documents.FULL),
    "countdowns": lambda quick: hurrying.hurry(hurrying.QUICK if quick else hurrying.FULL),
    "storm": lambda quick: stormed(storm.QUICK if quick else storm.SECONDS),
}
PARTS = (*_MEASURES, *(profile.__name__ for profile in processes.PROFILES))


if __name__ == "__main__":
    sys.exit(main())
