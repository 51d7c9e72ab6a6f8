"""Ratings of people who never were: tastes over clusters of items, a few items that everybody knows, moods that drift.

Small, and the same for the same seed: the evaluation has something to find in every run of the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE, ITEMS, CLUSTERS = 500, 240, 12
SEED = 8
SKEW = 1.1
"""How steeply popularity falls with an item's place in its cluster."""
TASTES = 0.35
"""How much of a cluster a person has: the smaller, the fewer clusters one likes."""
MOOD = 0.5
"""How much of the next choice is the present mood's, which is one cluster of the person's."""
MOOD_ENDS = 0.12
"""How likely a mood is over after a choice."""
EXPLORING = 0.1
"""How often somebody takes anything that is popular."""
FEWEST, MEAN = 20, 20
SECONDS = 3_600


def write(path: Path, *, seed: int = SEED) -> Path:
    """A file of ratings, `user,item,rating,timestamp`, in the order of time."""
    rng = np.random.default_rng(seed)
    cluster = np.arange(ITEMS) % CLUSTERS
    appeal = 1.0 / (1 + np.arange(ITEMS) // CLUSTERS) ** SKEW * rng.lognormal(0, 0.3, ITEMS)
    lines: list[tuple[int, str]] = []
    for person in range(PEOPLE):
        taste = rng.dirichlet(np.full(CLUSTERS, TASTES))
        now = int(rng.integers(0, 90 * 86_400))
        for item in _choices(rng, taste, cluster, appeal):
            now += int(rng.exponential(SECONDS)) + 1
            lines.append((now, f"u{person},i{item},{rng.integers(3, 6)},{now}"))
    lines.sort()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["user,item,rating,timestamp", *(line for _, line in lines)]) + "\n", encoding="utf-8")
    return path


def _choices(rng: np.random.Generator, taste: np.ndarray, cluster: np.ndarray, appeal: np.ndarray) -> list[int]:
    """What one person chooses, one thing after another, each once."""
    left = appeal.copy()
    found: list[int] = []
    mood = int(rng.choice(CLUSTERS, p=taste))
    for _ in range(FEWEST + int(rng.poisson(MEAN))):
        liking = (1 - MOOD) * taste[cluster] + MOOD * (cluster == mood)
        chances = left * (1.0 if rng.random() < EXPLORING else liking)
        item = int(rng.choice(ITEMS, p=chances / chances.sum()))
        found.append(item)
        left[item] = 0.0
        if rng.random() < MOOD_ENDS:
            mood = int(rng.choice(CLUSTERS, p=taste))
    return found
