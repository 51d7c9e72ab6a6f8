"""How much less what somebody met counts for each thing they met since. Pure: the evaluation runs the same code."""

import math

HALF_LIFE = 5.0
"""Items met since by which the part that fades has lost half of its weight."""
LASTING = 0.05
"""The part that does not fade: tastes outlast moods."""


def recency(place: int) -> float:
    """The weight of the item in this place of a history that begins with the newest, which has 1."""
    return LASTING + (1 - LASTING) * math.exp2(-place / HALF_LIFE)
