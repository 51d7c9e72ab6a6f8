"""What counts are worth: exact intervals, precision by prevalence, thresholds, and how well a score separates."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

STEPS = 80
"""Halvings of an interval of length 1: beyond what a float can tell."""


@dataclass(frozen=True)
class Share:
    """So many of so many, with its exact 95 % interval (Clopper and Pearson, 1934)."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share; not a number when there was none."""
        return self.hits / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end, each missed with 2.5 % at most."""
        return clopper_pearson(self.hits, self.of)


def clopper_pearson(hits: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a binomial share. Raises ValueError for counts that cannot be."""
    if not 0 <= hits <= of or of == 0:
        raise ValueError("There are from 0 to as many hits as tries, and at least one try.")
    tail = (1 - confidence) / 2
    lower = 0.0 if hits == 0 else _solve(lambda p: at_least(hits, of, p), tail)
    upper = 1.0 if hits == of else _solve(lambda p: at_least(hits + 1, of, p), 1 - tail)
    return lower, upper


def at_least(hits: int, of: int, p: float) -> float:
    """How likely that many hits or more are, when each try is one with probability `p`."""
    if hits <= 0:
        return 1.0
    if p <= 0:
        return 0.0
    if p >= 1:
        return 1.0
    if hits > of * p:
        return math.fsum(_terms(hits, of, p, 1))
    return 1.0 - math.fsum(_terms(hits - 1, of, p, -1))


def _terms(start: int, of: int, p: float, step: int) -> list[float]:
    """Binomial probabilities from `start` outwards, until they no longer count."""
    log = math.lgamma(of + 1) - math.lgamma(start + 1) - math.lgamma(of - start + 1)
    term = math.exp(log + start * math.log(p) + (of - start) * math.log1p(-p))
    terms, odds, hits = [], p / (1 - p), start
    while 0 <= hits <= of:
        terms.append(term)
        if term < 1e-18 * terms[0]:
            break
        term *= (of - hits) / (hits + 1) * odds if step > 0 else hits / ((of - hits + 1) * odds)
        hits += step
    return terms


def _solve(rising: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def precision(recall: float, false_positives: float, prevalence: float) -> float:
    """Share of what is caught that is fraud, where so much of everything is."""
    caught = recall * prevalence
    alarms = caught + false_positives * (1 - prevalence)
    return caught / alarms if alarms else math.nan


def threshold(honest: Sequence[float], share: float) -> float:
    """The least score from which on at most that share of the honest ones lies; infinite when there is none."""
    ordered = sorted(honest)
    for score in sorted(set(ordered)):
        if len(ordered) - bisect_left(ordered, score) <= share * len(ordered):
            return score
    return math.nextafter(ordered[-1], math.inf) if ordered else math.inf


def separation(fraud: Sequence[float], honest: Sequence[float]) -> float:
    """How often a fraud's score exceeds an honest one's, ties counting half: the area under the ROC curve."""
    ordered = sorted(honest)
    doubled = 0
    for score in fraud:
        below = bisect_left(ordered, score)
        doubled += below + bisect_left(ordered, math.nextafter(score, math.inf))
    return doubled / (2 * len(fraud) * len(ordered)) if fraud and ordered else math.nan
