"""What is found of what was hidden, over the whole catalogue: no sample of candidates, which misleads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.evaluation.rankers import rankers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.evaluation.rankers import Ranker
    from benchmarks.evaluation.reading import Ratings
    from benchmarks.evaluation.splits import Split

TOP = 10
RESAMPLES = 1_000


@dataclass(frozen=True)
class Figures:
    """Means over `people`. `spread` is half of the interval of NDCG that holds 95 % of resamples of these people."""

    protocol: str
    ranker: str
    people: int
    recall: float
    ndcg: float
    hit_rate: float
    coverage: float
    spread: float

    def __str__(self) -> str:
        found = f"{self.recall:.4f}  {self.ndcg:.4f} ±{self.spread:.3f}  {self.hit_rate:.4f}  {self.coverage:.3f}"
        return f"{self.protocol:16} {self.ranker:11} {self.people:6}  {found}"

    def plain(self) -> dict[str, str | int | float]:
        """The figures with six decimals, for JSON."""
        return {key: round(each, 6) if isinstance(each, float) else each for key, each in asdict(self).items()}


HEADER = f"{'protocol':16} {'ranker':11} people  recall  NDCG@{TOP}        HR@{TOP}   coverage"


def measured(ratings: Ratings, split: Split, seed: int) -> list[Figures]:
    """The figures of each ranker under one protocol."""
    return [_figures(ratings, split, name, each, seed) for name, each in rankers(ratings, split).items()]


def _figures(ratings: Ratings, split: Split, name: str, ranker: Ranker, seed: int) -> Figures:
    discounts = 1 / np.log2(np.arange(2, TOP + 2))
    found: list[tuple[float, float, float]] = []
    shown: set[int] = set()
    for person, hidden in sorted(split.hidden.items()):
        ranked = ranker.ranked(split.known.get(person, ()), TOP)
        shown.update(ranked)
        wanted = set(hidden)
        hits = np.array([item in wanted for item in ranked], np.float64)
        gain = float((hits * discounts[: len(hits)]).sum() / discounts[: len(wanted)].sum())
        found.append((float(hits.sum()) / len(wanted), gain, float(hits.any())))
    table = np.array(found).reshape(-1, 3)
    recall, ndcg, hit_rate = table.mean(axis=0).tolist() if len(table) else (0.0, 0.0, 0.0)
    coverage = len(shown) / ratings.item_count
    return Figures(split.name, name, len(table), recall, ndcg, hit_rate, coverage, _spread(table[:, 1], seed))


def _spread(gains: NDArray[np.float64], seed: int) -> float:
    if not len(gains):
        return 0.0
    drawn = np.random.default_rng(seed).integers(len(gains), size=(RESAMPLES, len(gains)))
    low, high = np.quantile(gains[drawn].mean(axis=1), [0.025, 0.975])
    return float(high - low) / 2
