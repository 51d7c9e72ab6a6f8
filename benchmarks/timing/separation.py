"""How well one list of times is told from another."""

import math

import numpy as np

Times = list[float]
BAND = (0.45, 0.55)
"""Where the separation has to lie: 0.5 is a coin."""


def separation(known: Times, unknown: Times) -> float:
    """The area under the ROC curve (Mann-Whitney): how often a known address takes longer than an unknown one."""
    times = np.array(known + unknown)
    _, places, counts = np.unique(times, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[places]
    wins = ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2
    return float(wins / (len(known) * len(unknown)))


def uncertainty(known: Times, unknown: Times) -> float:
    """The standard error of the separation when there is none."""
    one, other = len(known), len(unknown)
    return math.sqrt((one + other + 1) / (12 * one * other))
