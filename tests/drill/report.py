"""What the drill found, for people and for docs/reliability.md."""

import itertools
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from core.clock import SystemClock
from tests.drill.bounds import Bounds
from tests.drill.checking import Verdict
from tests.drill.faults import Fault
from tests.drill.visitors import ANSWERED, BROKEN, REFUSED, Sample

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BLOCK = re.compile(r"(<!-- drill: begin -->\n).*?(<!-- drill: end -->)", re.DOTALL)
RECOVERED_WITHIN = 60.0
"""Seconds that a part may take to be well again once it is there: a server's start on a busy machine is most of it."""
SILENT_FOR = 15.0
"""Seconds that a subscription may say nothing: somebody whose socket is cut off opens another one."""
LETTERS_TWICE = 10
"""Letters that a killed worker may have in hand: they are sent again, because nobody knows whether they left."""
RESTARTING, CUT_OFF = 1012, 1006
"""How a socket ends whose server is replaced, and one whose server is gone."""


@dataclass(frozen=True)
class Row:
    """What one fault did. `recovered` is in seconds from the moment at which the part was there again."""

    fault: Fault
    samples: list[Sample]
    verdict: Verdict
    recovered: float
    ticks: list[float]
    codes: list[int]
    bounds: Bounds | None

    @property
    def troubles(self) -> list[Sample]:
        """Questions that were not answered at the first try."""
        return [sample for sample in self.samples if sample.outcome != ANSWERED]

    @property
    def seen(self) -> str:
        """What clients saw."""
        kinds = Counter(sample.detail if sample.outcome == REFUSED else sample.outcome for sample in self.troubles)
        told = [f"{count} × {kind}" for kind, count in sorted(kinds.items())]
        told += [f"socket closed {code}" for code in sorted(set(self.codes))]
        return ", ".join(told) or "nothing"

    @property
    def slowest(self) -> float:
        """Seconds that the slowest answer took."""
        return max((sample.seconds for sample in self.samples), default=0.0)

    @property
    def silence(self) -> float:
        """Seconds without a tick of the countdown, whose cadence is one: from the fault on, at most."""
        return max((later - earlier for earlier, later in itertools.pairwise(self.ticks)), default=0.0)


@dataclass(frozen=True)
class Outcome:
    """The whole drill: its rows, then the ledger and the letters once all work was done."""

    rows: list[Row]
    verdict: Verdict
    letters: Verdict
    samples: list[Sample]
    audit: str
    seconds: float


def line(row: Row) -> str:
    """One fault, for the terminal."""
    return (
        f"{row.fault.part}: {row.fault.what}: {len(row.samples)} questions, clients saw {row.seen}; slowest "
        f"{row.slowest:.1f} s, silence {row.silence:.1f} s, lost {len(row.verdict.lost)}, doubled "
        f"{len(row.verdict.doubled)}, well after {row.recovered:.1f} s{_bounds(row.bounds)}"
    )


def _bounds(bounds: Bounds | None) -> str:
    if bounds is None:
        return ""
    return (
        f"; revoked after {bounds.revoked_after:.1f} s, {bounds.trials} trial for one person, "
        f"{bounds.sign_ins} of 30 sign-ins looked at (at most {bounds.allowed})"
    )


def wrong(outcome: Outcome) -> list[str]:
    """What did not hold, a sentence each."""
    found = [f"lost: {each}" for each in outcome.verdict.lost + outcome.letters.lost]
    found += [f"doubled: {each}" for each in outcome.verdict.doubled]
    if len(outcome.letters.doubled) > LETTERS_TWICE:
        found.append(f"letters twice: {outcome.letters.doubled}")
    for row in outcome.rows:
        name = f"{row.fault.part}, {row.fault.what}"
        found += [f"{name}: lost {each}" for each in row.verdict.lost]
        found += [f"{name}: doubled {each}" for each in row.verdict.doubled]
        allowed = set() if row.fault.silent else {REFUSED, BROKEN} if row.fault.cuts else {REFUSED}
        found += [f"{name}: {each}" for each in row.troubles if each.outcome not in allowed]
        ends = {RESTARTING} if row.fault.silent else {RESTARTING, CUT_OFF}
        found += [f"{name}: socket closed {code}" for code in row.codes if code not in ends]
        if row.silence > SILENT_FOR:
            found.append(f"{name}: no tick for {row.silence:.1f} s")
        if row.recovered > RECOVERED_WITHIN:
            found.append(f"{name}: well after {row.recovered:.1f} s")
        if row.bounds and not row.bounds.kept:
            found.append(f"{name}: {row.bounds}")
    return found


def summary(outcome: Outcome) -> list[str]:
    """The whole, for the terminal."""
    first = (
        f"{len(outcome.samples)} questions in {outcome.seconds:.0f} s; letters that came twice: "
        f"{len(outcome.letters.doubled)}. {outcome.audit.splitlines()[0]}"
    )
    last = "Some of it is wrong." if wrong(outcome) else "Nothing was lost or done twice, and nobody lent a hand."
    return [first, *(f"WRONG: {each}" for each in wrong(outcome)), last]


def table(outcome: Outcome) -> str:
    """The rows as Markdown."""
    head = "| what | how | questions | clients saw | slowest answer | lost | doubled | well after |"
    lines = [head, "|---|---|---:|---|---:|---:|---:|---:|"]
    lines += [
        f"| {row.fault.part} | {row.fault.what} | {len(row.samples)} | {row.seen} | {row.slowest:.1f} s | "
        f"{len(row.verdict.lost)} | {len(row.verdict.doubled)} | {row.recovered:.1f} s |"
        for row in outcome.rows
    ]
    measured = [row.bounds for row in outcome.rows if row.bounds]
    if measured:
        lines += [
            "",
            "| bound | " + " | ".join(f"without {each.while_away}" for each in measured) + " |",
            "|---" * (len(measured) + 1) + "|",
            "| a session that was ended is refused everywhere, within 5 s | "
            + " | ".join(f"{each.revoked_after:.1f} s" for each in measured)
            + " |",
            "| trials of one person who signs up three times at once, 1 | "
            + " | ".join(f"{each.trials}" for each in measured)
            + " |",
            "| of 30 sign-ins from one address, looked at in each process, 10 | "
            + " | ".join(f"{each.sign_ins} in 2 processes" for each in measured)
            + " |",
        ]
    return "\n".join(lines)


def write(outcome: Outcome) -> None:
    """Put the table into its page."""
    day = SystemClock().now().date().isoformat()
    told = (
        f"What `make drill ARGS='--long --write'` found on {day}: {len(outcome.samples)} questions in\n"
        f"{outcome.seconds:.0f} s, on {os.cpu_count()} cores that {os.getloadavg()[1]:.0f} processes wanted (its own "
        f"are about two).\nLetters that came twice, because nobody could write down that they had left: "
        f"{len(outcome.letters.doubled)}.\n{outcome.audit.splitlines()[0]}\n\n{table(outcome)}\n"
    )
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda found: found[1] + told + found[2], page), encoding="utf-8")
