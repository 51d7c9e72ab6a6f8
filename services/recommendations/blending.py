"""How much each ranking counts, by how much is known of the person. Pure: the evaluation runs the same code."""

from __future__ import annotations

from dataclasses import dataclass

POPULAR_UNTIL = 30
"""Items met from which on popularity adds nothing."""
ALIKE_UNTIL = 20
"""Items met from which on EASE ranks alone; before, likeness of two items, which needs less to go by, helps it."""
POPULAR = 0.75
"""What popularity counts, by one item that was met, beside what others did."""
CONTENT = 0.1
"""What likeness of contents counts beside the crowd's evidence, which finds far more (docs/evaluation.md)."""

FRESH = 0.05
"""What new items count, whom nobody has met yet: enough for a place far down a list."""
POPULAR_BESIDE_INTERESTS = 0.25
"""What popularity counts where interests lead."""


@dataclass(frozen=True)
class Weights:
    """Of each ranking in the fusion. A ranking of weight 0 need not be made."""

    interests: float
    medoids: float
    collaborative: float
    popular: float
    fresh: float


def weights(events: int, interests: int) -> Weights:
    """The weights for somebody with so many items in their history, and so many interests.

    What others did leads as soon as there is one item to go by; popularity helps it while there are few. Contents lead
    only where nothing but interests is known.
    """
    if events < 1 and interests:
        return Weights(interests=1.0, medoids=0.0, collaborative=0.0, popular=POPULAR_BESIDE_INTERESTS, fresh=FRESH)
    if events < 1:
        return Weights(interests=0.0, medoids=0.0, collaborative=0.0, popular=1.0, fresh=FRESH)
    popular = POPULAR * max(0.0, 1 / events - 1 / POPULAR_UNTIL)
    content = CONTENT if interests else 0.0
    return Weights(interests=content, medoids=CONTENT, collaborative=1.0, popular=popular, fresh=FRESH)


def alike(events: int) -> float:
    """What likeness of two items counts beside EASE, which counts 1, with so many items in a history."""
    return max(0.0, 1 - events / ALIKE_UNTIL)
