"""How much each ranking counts, by how much is known of the person. Pure: the evaluation runs the same code."""

from __future__ import annotations

from dataclasses import dataclass

POPULAR = 0.5
"""What popularity counts beside one item that was met: measured on people with one known item."""
FADES_BY = 1.0
"""Met items with which what counts besides them counts half as much as with one."""
CONTENT = 0.1
"""What likeness of contents counts beside the crowd's evidence, which finds far more (docs/evaluation.md)."""


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
    if events < 1:
        return Weights(
            interests=1.0 if interests else 0.0,
            medoids=0.0,
            collaborative=0.0,
            popular=0.25 if interests else 1.0,
            fresh=0.05,
        )
    fading = FADES_BY / (FADES_BY + events - 1)
    return Weights(
        interests=CONTENT if interests else 0.0,
        medoids=CONTENT,
        collaborative=1.0,
        popular=POPULAR * fading,
        fresh=0.05,
    )
