"""`python -m benchmarks [--quick]`: measure both profiles, print the figures, and write docs/performance.md."""

import argparse
import logging
import sys
import time

from benchmarks import report
from benchmarks.countdown import allow_files
from benchmarks.measures import FULL, QUICK, measure
from benchmarks.node import node
from benchmarks.processes import PROFILES
from core.clock import SystemClock
from core.logging import configure_logging


def main() -> int:
    """0, also when a goal is missed: figures are told, not judged."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="look whether it works, and write nothing")
    quick = parser.parse_args().quick
    configure_logging("warning", "console")
    logging.getLogger("tortoise.db_client").propagate = False  # its statements are counted, not shown
    node()
    allow_files()
    began, load = time.monotonic(), report.system_load()
    all_figures = []
    for profile in PROFILES:
        figures = measure(profile, QUICK if quick else FULL)
        all_figures.append(figures)
        print(f"\n{figures.profile}\n\n{report.tables(figures)}\n", flush=True)
    if not quick:
        date = f"{SystemClock().now():%Y-%m-%d}"
        report.PAPER.write_text(
            report.paper(all_figures, date=date, before=load, after=report.system_load()), encoding="utf-8"
        )
    print(f"{report.machine()}; load at the beginning {load}; {time.monotonic() - began:.0f} s in all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
