"""What is found of what was hidden, over the whole catalogue: no sample of candidates, which misleads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.evaluation.rankers import rankers

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@dataclass(frozen=True)
class _Found:
    """Recall, NDCG and whether anything was hit, of each person; and all items that were shown."""

    rows: list[tuple[float, float, float]] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)


def measured(ratings: Ratings, splits: Sequence[Split], seed: int) -> list[Figures]:
    """The figures of each ranker under each protocol."""
    found: dict[tuple[str, str], _Found] = {}
    fitted: dict[str, Ranker] = {}
    last: Split | None = None
    for split in splits:
        if last is None or last.fitted is not split.fitted:
            fitted, last = rankers(ratings, split), split
        for name, ranker in fitted.items():
            _find(split, ranker, found.setdefault((split.name, name), _Found()))
    return [_figures(ratings, *names, each, seed) for names, each in found.items()]


def _find(split: Split, ranker: Ranker, found: _Found) -> None:
    discounts = 1 / np.log2(np.arange(2, TOP + 2))
    for person, hidden in sorted(split.hidden.items()):
        ranked, wanted = ranker.ranked(split.known.get(person, ()), TOP), set(hidden)
        found.shown.update(ranked)
        hits = np.array([item in wanted for item in ranked], np.float64)
        gain = float((hits * discounts[: len(hits)]).sum() / discounts[: len(wanted)].sum())
        found.rows.append((float(hits.sum()) / len(wanted), gain, float(hits.any())))


def _figures(ratings: Ratings, protocol: str, name: str, found: _Found, seed: int) -> Figures:
    table = np.array(found.rows).reshape(-1, 3)
    recall, ndcg, hit_rate = table.mean(axis=0).tolist() if len(table) else (0.0, 0.0, 0.0)
    coverage = len(found.shown) / ratings.item_count
    return Figures(protocol, name, len(table), recall, ndcg, hit_rate, coverage, _spread(table[:, 1], seed))


def _spread(gains: NDArray[np.float64], seed: int) -> float:
    if not len(gains):
        return 0.0
    drawn = np.random.default_rng(seed).integers(len(gains), size=(RESAMPLES, len(gains)))
    low, high = np.quantile(gains[drawn].mean(axis=1), [0.025, 0.975])
    return float(high - low) / 2
