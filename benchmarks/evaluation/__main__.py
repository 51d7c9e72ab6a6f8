"""`python -m benchmarks.evaluation file`: what the recommender finds of what people chose, beside what others find."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.evaluation.measuring import HEADER, measured
from benchmarks.evaluation.reading import SHOWN, UnreadableRatings, read
from benchmarks.evaluation.splits import splits
from benchmarks.evaluation.synthetic import write


def main() -> int:
    """0; 2 when the file cannot be read."""
    parser = argparse.ArgumentParser(prog="make eval DATA=file", description=__doc__)
    parser.add_argument("data", help="a file of user, item, rating, timestamp; `synthetic` makes one up")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--min-rating", type=float, help="leave out what was rated lower")
    parser.add_argument("--validation", action="store_true", help="measure on the parts for choosing figures")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    try:
        path = write(Path("var") / "synthetic-ratings.csv") if asked.data == "synthetic" else Path(asked.data)
        ratings = read(path, min_rating=asked.min_rating)
    except (OSError, UnreadableRatings) as error:
        print(f"{asked.data}: {error}", file=sys.stderr)
        return 2
    for line in ratings.bad[:SHOWN]:
        print(f"{path}: {line}", file=sys.stderr)
    if len(ratings.bad) > SHOWN:
        print(f"{path}: {len(ratings.bad) - SHOWN} more lines are left out.", file=sys.stderr)
    about = {
        "sha256": ratings.sha256,
        "ratings": len(ratings.people),
        "people": ratings.person_count,
        "items": ratings.item_count,
        "bad_lines": len(ratings.bad),
        "seed": asked.seed,
        "part": "validation" if asked.validation else "test",
    }
    found = measured(ratings, splits(ratings, asked.seed, validation=asked.validation), asked.seed)
    if asked.json:
        print(json.dumps({**about, "figures": [each.plain() for each in found]}, indent=1))
    else:
        print(", ".join(f"{key} {value}" for key, value in about.items()), HEADER, *found, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
