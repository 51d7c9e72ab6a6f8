"""Amounts in minor units, rounded as Stripe does: to the nearest, in some currencies to the nearest ten."""

from __future__ import annotations

import math
from fractions import Fraction

SMALLEST = {**dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 10), **dict.fromkeys(("isk", "ugx"), 100)}
"""The least difference between two amounts: Stripe charges currencies of three decimals in steps of ten."""


def rounded(amount: Fraction, currency: str) -> int:
    """The nearest amount that can be charged; of two equally near ones that with the larger size."""
    step = SMALLEST.get(currency, 1)
    size = math.floor(abs(amount) / step + Fraction(1, 2)) * step
    return size if amount >= 0 else -size


def spread(total: int, weights: list[int], currency: str) -> list[int]:
    """Parts of a total in proportion to weights, which add up to it: what is left goes to those that lost most."""
    step, whole = SMALLEST.get(currency, 1), sum(weights)
    if not whole:
        return [0 for _ in weights]
    exact = [Fraction(total * weight, whole) for weight in weights]
    parts = [math.floor(part / step) * step for part in exact]
    left = total - sum(parts)
    for place in sorted(range(len(parts)), key=lambda place: parts[place] - exact[place]):
        given = min(step, left)
        parts[place] += given
        left -= given
    return parts
