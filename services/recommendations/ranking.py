"""One list out of all rankings: fused by weights, spread by likeness, each item with what speaks loudest for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

from services.recommendations import blending
from services.recommendations.candidates import NOT_READ, candidates
from services.recommendations.fusing import DAMPING, diversified, fused
from services.recommendations.nearby import CANDIDATES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.app import App
    from services.recommendations.candidates import Found, Ranking
    from services.recommendations.filters import Rules
    from services.recommendations.grounds import Ground
    from services.recommendations.profile import Profile
    from services.recommendations.shelf import Shelf

SPREAD = 20
"""Places that are chosen with an eye to what stands before them."""
SPREAD_AMONG = 40
"""Items among which these are chosen. Among 100, what suits nobody in particular came in for being like nothing."""
PRECISION = 6
"""Decimals of a score."""


class Strategy(StrEnum):
    """What a list was made of: everything, what somebody cares for, what many like, or a walk round the catalogue."""

    HYBRID = "hybrid"
    INTERESTS = "interests"
    POPULAR = "popular"
    CATALOGUE = "catalogue"


@dataclass(frozen=True)
class Ranked:
    """An item of a list, how well it suits, and what speaks loudest for it."""

    item_id: int
    score: float
    ground: Ground


@dataclass(frozen=True)
class Made:
    """A list that was made now. `degraded_reason` tells what it had to do without.

    `whole`: made again of the same, it would be the same.
    """

    items: list[Ranked]
    strategy: Strategy
    degraded_reason: str | None
    whole: bool = True


async def made(
    app: App, profile: Profile, shelf: Shelf, rules: Rules, toward: NDArray[np.float32] | None = None
) -> Made:
    """The list for a person: at most `CANDIDATES` items, all of which the rules admit by what is known in memory."""
    weights = blending.weights(len(profile.history), len(profile.interests))
    found = await candidates(app, profile, weights, shelf, shelf.allowed(rules), toward)
    if not app.items.known:
        found.degraded_reason = NOT_READ
    strategy = strategy_of(found)
    sums = fused([(ranking.weight, ranking.ids) for ranking in found.rankings])
    order = list(sums)[:CANDIDATES]
    if strategy is not Strategy.CATALOGUE:
        order = _spread(app, order, sums)
    grounds = _loudest(found.rankings)
    # What stands lower for the sake of variety counts no more than what stands before it: scores fall with the ranks.
    scores = accumulate((round(sums[item_id], PRECISION) for item_id in order), min)
    items = [Ranked(item_id, score, grounds[item_id]) for item_id, score in zip(order, scores, strict=True)]
    return Made(items, strategy, found.degraded_reason, found.whole and found.degraded_reason is None)


def strategy_of(found: Found) -> Strategy:
    """The name of what these rankings are made of."""
    if found.by_deeds:
        return Strategy.HYBRID
    if found.by_contents:
        return Strategy.INTERESTS
    return Strategy.POPULAR if found.popular else Strategy.CATALOGUE


def _spread(app: App, order: list[int], sums: dict[int, float]) -> list[int]:
    pool = order[:SPREAD_AMONG]
    first = diversified({item_id: sums[item_id] for item_id in pool}, app.items.vector_of(pool), SPREAD)
    taken = set(first)
    return first + [item_id for item_id in order if item_id not in taken]


def _loudest(rankings: list[Ranking]) -> dict[int, Ground]:
    """Of each item the ground whose ranking adds most to its sum; of equal ones the first."""
    best: dict[int, tuple[float, Ground]] = {}
    for ranking in rankings:
        for rank, (item_id, ground) in enumerate(zip(ranking.ids, ranking.grounds, strict=True), start=1):
            said = ranking.weight / (DAMPING + rank)
            if item_id not in best or said > best[item_id][0]:
                best[item_id] = (said, ground)
    return {item_id: ground for item_id, (_, ground) in best.items()}
