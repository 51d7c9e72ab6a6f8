"""`python -m benchmarks.timing [--tries 2000]`: 1 when a known address is told from an unknown one by the time."""

import argparse
import statistics
import sys

from benchmarks import processes, report
from benchmarks.processes import PROFILES
from benchmarks.timing.asking import ask, newcomers, register
from benchmarks.timing.operations import OPERATIONS
from benchmarks.timing.separation import BAND, separation, uncertainty
from core.logging import configure_logging
from core.settings import Settings

TRIES = 2_000
HASHES = {"8 KiB": 8, "default": Settings.argon2_memory_kib}
"""Memory of one password hash, in KiB. Beside a cheap one, whatever else differs shows more."""
HEADINGS = ("", "profile", "hash", "known p50 ms", "unknown p50 ms", "AUC", "± (95 %)", "")


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timing", description=__doc__)
    parser.add_argument("--tries", type=int, default=TRIES, help="how often known and unknown addresses are tried")
    tries = parser.parse_args().tries
    configure_logging("warning", "console")
    before, rows = report.system_load(), []
    for start in PROFILES:
        for name, memory in HASHES.items():
            with start() as profile, processes.porchlight(profile, ARGON2_MEMORY_KIB=str(memory)) as server:
                known = newcomers()
                register(server, known)
                for operation in OPERATIONS:
                    sys.stderr.write(f"{profile.name}, {name}: {operation.name} …\n")
                    asked = ask(server, operation, known, tries)
                    rows.append([operation.name, profile.name, name, *_cells(asked.known, asked.unknown)])
                    sys.stderr.write(f"  AUC {rows[-1][5]}\n")
    print(report.table(HEADINGS, rows))
    print(f"\n{tries:,} tries each; {report.machine()}; load {before} before, {report.system_load()} after.")
    return int(any(row[-1] != "met" for row in rows))


def _cells(known: list[float], unknown: list[float]) -> list[str]:
    found = separation(known, unknown)
    medians = (f"{statistics.median(times):.2f}" for times in (known, unknown))
    judged = "met" if BAND[0] <= found <= BAND[1] else "**missed**"
    return [*medians, f"{found:.3f}", f"{1.96 * uncertainty(known, unknown):.3f}", judged]


if __name__ == "__main__":
    sys.exit(main())
