"""The goals of the engine as one table: what was asked, what was measured with its spread, met or missed."""

from dataclasses import dataclass
from typing import Any

from benchmarks import against, storm
from benchmarks.comparing import Compared, Ratio
from benchmarks.documents import Filled
from benchmarks.hurrying import Hurried
from benchmarks.storm import Storm

FLAT = 100.0
"""Bytes for each document that count as noise."""
RESOLVING = 30.0
FEED = {against.STOCK: 8.0, against.NODE: 1.5, against.HAND: 0.8}
"""How many times the answers of each peer the feed must give."""


@dataclass(frozen=True)
class Measured:
    """What each part found; None where it was not run."""

    resolving: Any = None
    peers: Compared | None = None
    documents: list[Filled] | None = None
    countdowns: Hurried | None = None
    storm: Storm | None = None


@dataclass(frozen=True)
class Goal:
    """One line. `met` is None where it was not measured."""

    measure: str
    wanted: str
    found: str
    spread: str
    met: bool | None

    @property
    def cells(self) -> list[str]:
        """As the table has them."""
        told = {True: "met", False: "**missed**", None: "not measured"}
        return [self.measure, self.wanted, self.found, self.spread, told[self.met]]


HEADINGS = ("measure", "goal", "measured", "spread", "")


def goals(measured: Measured) -> list[Goal]:
    """All of them, in the order of the issue."""
    return [_resolving(measured.resolving), *_feed(measured.peers), _hurry(measured.countdowns), _storm(measured.storm),
            _memory(measured.documents)]  # fmt: skip


def _resolving(found: Any) -> Goal:
    name = "50 items in memory, resolved: compiled to stock Strawberry"
    return _ratio(name, RESOLVING, Ratio(found.ratio, found.low, found.high) if found else None)


def _feed(compared: Compared | None) -> list[Goal]:
    made: list[Goal] = []
    for peer, wanted in FEED.items():
        name = f"the feed over HTTP from PostgreSQL: to {peer}"
        found = compared.faster(against.OURS, peer, max(compared.connections)) if compared else None
        made.append(_ratio(name, wanted, found))
    return made


def _ratio(name: str, wanted: float, found: Ratio | None) -> Goal:
    asked = f"≥ {wanted:g} times"
    if found is None:
        return Goal(name, asked, "", "", None)
    return Goal(name, asked, f"{found.ratio:.2f} times", f"{found.low:.2f} to {found.high:.2f}", found.ratio >= wanted)


def _hurry(found: Hurried | None) -> Goal:
    name, asked = "countdowns at 1 Hz in one process", "10,000, lag p99 < 1 s"
    if found is None:
        return Goal(name, asked, "", "", None)
    told = f"{found.people:,}, {found.p99:,.0f} ms"
    return Goal(name, asked, told, f"p50 {found.p50:,.0f} ms, {found.cpu:.0%} of a core", found.in_time)


def _storm(found: Storm | None) -> Goal:
    name, asked = "a storm of sign-ins: p99 of other queries, to quiet", f"< {storm.GOAL:g} times"
    if found is None:
        return Goal(name, asked, "", "", None)
    spread = (
        f"{min(found.ratios):.2f} to {max(found.ratios):.2f}, p99 {found.quiet_p99:.1f} to {found.storm_p99:.1f} ms"
    )
    return Goal(name, asked, f"{found.ratio:.2f} times", spread, found.ratio < storm.GOAL)


def _memory(filled: list[Filled] | None) -> Goal:
    name, asked = "memory after 100,000 different documents", "flat"
    if not filled:
        return Goal(name, asked, "", "", None)
    before, after = (each.memory / 1e6 for each in (filled[0].held[0], filled[0].held[-1]))
    growth = filled[0].growth
    return Goal(name, asked, f"{before:.0f} to {after:.0f} MB", f"{growth:+.0f} bytes each at the end", growth < FLAT)
