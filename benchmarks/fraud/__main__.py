"""`python -m benchmarks.fraud [--dev] [--quick] [--write]`: simulate a year of sign-ups and print what was caught."""

import argparse
import logging
import sys
import time

import uvloop

from benchmarks.fraud import report
from benchmarks.fraud.simulation import simulate
from benchmarks.fraud.world import DEV, REPORTED, Suite, draw
from benchmarks.processes import embedded, production
from core.logging import configure_logging
from services import challenges

QUICK_HONEST, QUICK_UNITS = 2_000, 320


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fraud", description=__doc__)
    parser.add_argument("--dev", action="store_true", help="other families and dice: what parameters are tuned on")
    parser.add_argument("--seed", type=int, help="other dice; the reported figure has the seed that is fixed")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_HONEST:,} honest sign-ups: a look, no figure")
    parser.add_argument("--eased", action="store_true", help="proofs of work of a hundredth of the tries")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--write", action="store_true", help=f"put the figures into docs/{report.PAPER.name}")
    return parser.parse_args()


def suite_of(asked: argparse.Namespace) -> Suite:
    """The suite that the command line names."""
    suite = DEV if asked.dev else REPORTED
    suite = suite.smaller(QUICK_HONEST, QUICK_UNITS) if asked.quick else suite
    return suite if asked.seed is None else suite.seeded(asked.seed)


def main() -> int:
    """0, also when a goal is missed: figures are told, not judged. 2 when what is asked for may not be written."""
    asked = arguments()
    if asked.write and (asked.dev or asked.quick or asked.eased or asked.seed is not None):
        print("Only the whole reported suite, on its own seed, is written.", file=sys.stderr)
        return 2
    configure_logging("warning", "console")
    logging.getLogger("tortoise.db_client").propagate = False  # its statements are not shown
    if asked.eased:
        challenges.FEWEST, challenges.MOST = challenges.FEWEST // 100, challenges.MOST // 100
    suite, began = suite_of(asked), time.monotonic()
    world = draw(suite)
    print(f"Suite {suite.name}, seed {suite.seed}: {len(world)} sign-ups.", flush=True)
    with (production if asked.postgres else embedded)() as profile:
        run = uvloop.run(simulate(profile.settings, world, lambda line: print(line, flush=True)))
    made = report.block(suite, world, run, time.monotonic() - began)
    print(f"\n{made}\n")
    if asked.write:
        report.write(made, "python -m benchmarks.fraud" + " --postgres" * asked.postgres + " --write")
    return 0


if __name__ == "__main__":
    sys.exit(main())
