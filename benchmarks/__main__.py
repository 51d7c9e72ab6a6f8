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

ROUNDS = 15
"""Of resolving in memory: a round takes about a second."""
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


def run(parts: Any, *, quick: bool) -> tuple[Measured, list[Figures]]:
    """Measure these parts, each with its own database and servers, and print what was found."""
    measured, profiles = Measured(), []
    if "resolving" in parts and (found := _optional("resolving")):
        say("50 items in memory")
        measured = replace(measured, resolved=found.measure(1 if quick else ROUNDS))
    if "peers" in parts:
        measured = replace(measured, compared=against.compare(against.QUICK if quick else against.FULL))
    if "documents" in parts:
        measured = replace(measured, filled=documents.fill(documents.QUICK if quick else documents.FULL))
    if "countdowns" in parts:
        measured = replace(measured, hurried=hurrying.hurry(hurrying.QUICK if quick else hurrying.FULL))
    if "storm" in parts:
        measured = replace(measured, storm=stormed(storm.QUICK if quick else storm.SECONDS))
    for name, text in sections(measured).items():
        print(f"\n{name}\n\n{text}\n", flush=True)
    for profile in processes.PROFILES:
        if profile.__name__ in parts:
            figures = measures.measure(profile, measures.QUICK if quick else measures.FULL)
            profiles.append(figures)
            print(f"\n{figures.profile}\n\n{report.tables(figures)}\n", flush=True)
    return measured, profiles


def stormed(seconds: float) -> storm.Storm:
    """What a storm of sign-ins does, on a server of its own."""
    say("a storm of sign-ins")
    with processes.production() as profile:
        people = asyncio.run(storm.prepared(profile))
        with processes.porchlight(profile) as server:
            processes.wait_for_ranking(server, people.tokens[0])
            return asyncio.run(storm.measure(server, profile, people, seconds=seconds))


def sections(measured: Measured) -> dict[str, str]:
    """The tables of the engine's goals, by their names in the template."""
    found = {"goals": goals_table(measured)}
    if measured.compared:
        found["peers"] = compared_tables(measured.compared)
    if measured.filled:
        found["documents"] = documents_table(measured.filled)
    return found


def _optional(name: str) -> Any:
    found = importlib.util.find_spec(f"benchmarks.{name}")
    return importlib.import_module(f"benchmarks.{name}") if found else None


if __name__ == "__main__":
    sys.exit(main())
