"""What a run amounts to: recall by family, false positives by cohort, at the shipped and at other thresholds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean

from benchmarks.fraud.events import Result, Role
from benchmarks.fraud.statistics import Share, separation, threshold

Flagged = Callable[[Result], bool]
LIMITS = (0.01, 0.001)
"""Shares of false positives at which recall is told."""


@dataclass(frozen=True)
class Point:
    """One way to decide, and what it does to farmers and to honest people."""

    name: str
    recall: Share
    families: dict[str, Share]
    false: Share

    @property
    def macro(self) -> float:
        """The average over families, each weighing the same."""
        return fmean(share.value for share in self.families.values())


@dataclass(frozen=True)
class Cohort:
    """What honest people of one kind met."""

    name: str
    false: Share
    challenged: Share
    blocked: Share


def units(results: Iterable[Result]) -> list[Result]:
    """Second and later sign-ups of operators: what counts as fraud."""
    return [result for result in results if result.event.role is Role.LATER]


def honest(results: Iterable[Result]) -> list[Result]:
    """Sign-ups to which a whole trial is owed."""
    return [result for result in results if result.event.role is Role.OWED]


def share(results: list[Result], flagged: Flagged) -> Share:
    """How many of them are flagged."""
    return Share(sum(map(flagged, results)), len(results))


def point(name: str, results: list[Result], flagged: Flagged) -> Point:
    """What deciding so does."""
    fraud = units(results)
    counts = Counter(result.event.group for result in fraud)
    families = {
        family: share([result for result in fraud if result.event.group == family], flagged)
        for family in sorted(counts, key=lambda family: (-counts[family], family))
    }
    return Point(name, share(fraud, flagged), families, share(honest(results), flagged))


def operators(results: list[Result]) -> dict[str, int]:
    """How many operators each family has whose later sign-ups are judged."""
    actors = {(result.event.group, result.event.actor) for result in units(results)}
    return dict(Counter(family for family, _ in actors))


def shipped(results: list[Result]) -> Point:
    """What this server did: a hit is a later trial that was not granted in full."""
    return point("as shipped", results, lambda result: not result.outcome.granted)


def at_limit(results: list[Result], limit: float) -> Point:
    """What it would do if everything were refused from a score on that so few honest people reach."""
    least = threshold([result.suspicion for result in honest(results)], limit)
    told = f"{least:.3f}" if math.isfinite(least) else "none"
    return point(f"≤ {limit:.1%} false positives, score ≥ {told}", results, lambda result: result.suspicion >= least)


def cohorts(results: list[Result]) -> list[Cohort]:
    """Each cohort, and all honest people last."""
    people = honest(results)
    groups = {name: [one for one in people if one.event.group == name] for name in _groups(people)}
    return [
        Cohort(
            name,
            share(of, lambda result: not result.outcome.granted),
            share(of, lambda result: result.challenged),
            share(of, lambda result: result.blocked),
        )
        for name, of in {**groups, "all honest people": people}.items()
    ]


def area(results: list[Result]) -> float:
    """How well the score separates farmers from honest people, from 0 to 1; half is chance."""
    return separation([result.suspicion for result in units(results)], [result.suspicion for result in honest(results)])


def _groups(people: list[Result]) -> list[str]:
    return sorted({result.event.group for result in people})
