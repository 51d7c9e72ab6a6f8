"""`python -m tests.fuzz --seconds 600 --seed 7`: as many cases as there is time for; what is wrong is printed."""

import argparse
import secrets
import sys
import tempfile
import warnings
from pathlib import Path

from core.logging import configure_logging
from tests.fuzz.sending import Fuzzer
from tests.fuzz.serving import served
from tests.porchlight import settings_for

ROUND = 3
"""Cases of each operation and kind in one round."""


def main() -> int:
    """The exit status: 1 where something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="Do not use the `random` module")  # schemathesis does
    configure_logging("error", "console")
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_for(
            f"sqlite://{Path(folder) / 'fuzz.sqlite3'}",
            "",
            f"outbox://{Path(folder) / 'outbox'}",
            payments_url=f"simulated://{Path(folder) / 'stripe.sqlite3'}",
            rate_limits=False,
            graphiql="off",
        )
        with served(settings) as site:
            report = Fuzzer(site, arguments.seed, each=ROUND).run(arguments.seconds)
    print(f"seed {arguments.seed}: {report.sent:,} cases, {len(report.faults)} wrong")
    print(", ".join(f"{code} {count:,}" for code, count in report.told.most_common()))
    print("\n".join(report.faults[:20]))
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
