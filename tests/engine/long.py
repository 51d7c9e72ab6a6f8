"""Compare the executors for as long as one likes: `python -m tests.engine.long --cases 200000 --seed 1`.

Prints how many cases ran, which share ran compiled, and the first difference, as small as it becomes.
`--case plain/16/10/2` runs one case again, by the name that a difference has.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.engine.oracle import (
    WORLDS,
    Case,
    Compiled,
    DifferenceError,
    Tally,
    cases_of,
    check,
    compare,
    documents,
    explain,
    frozen,
    interpreted,
)

DOCUMENTS, TIMES, TOLD = 10, 10, 1000
"""Documents of a world, executions of each, and how many cases pass before something is told."""


def case_named(name: str) -> Case:
    """The case of a name."""
    kind, seed, document, number = name.split("/")
    world = WORLDS[kind](int(seed))
    written = documents(world, f"{kind}/{seed}", int(document) + 1)[-1]
    return list(cases_of(world, *written, int(number) + 1))[-1]


def again(name: str) -> int:
    """Run one case again."""
    case, compiled = case_named(name), Compiled(Tally())
    with frozen():
        differs, outcome = compare(case, interpreted, compiled)
        print(explain(case, interpreted, compiled) if differs else f"{case}\n\nno difference: {outcome}")
    print(compiled.tally.reasons or "compiled")
    return bool(differs)


def one_world(kind: str, seed: int, compiled: Compiled) -> None:
    """Run the cases of one world, and say from time to time how far things are."""
    tally = compiled.tally
    check(WORLDS[kind](seed), f"{kind}/{seed}", (DOCUMENTS, TIMES), interpreted, compiled, tally)
    if tally.cases % TOLD == 0:
        print(f"seed {seed}: {tally}", flush=True)


def run(cases: int, seed: int, kinds: list[str]) -> int:
    """Run so many cases from a seed on; 1 if one of them differs."""
    compiled, begun, status = Compiled(Tally()), time.perf_counter(), 0
    tally = compiled.tally
    try:
        while tally.cases < cases:
            one_world(kinds[seed % len(kinds)], seed, compiled)
            seed += 1
    except DifferenceError as error:
        print(error)
        status = 1
    except KeyboardInterrupt:
        print(f"stopped at seed {seed}")
    seconds = time.perf_counter() - begun
    print(f"{tally}; {seconds:.0f} s, {1000 * seconds / max(tally.cases, 1):.1f} ms a case")
    return status


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.long", description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=sorted(WORLDS), action="append")
    parser.add_argument("--case", help="the name of one case")
    chosen = parser.parse_args()
    return again(chosen.case) if chosen.case else run(chosen.cases, chosen.seed, chosen.kind or sorted(WORLDS))


if __name__ == "__main__":
    sys.exit(main())
