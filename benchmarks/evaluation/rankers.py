"""Who ranks: what serves people, and what it is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import sparse

from services.recommendations.blending import weights
from services.recommendations.collaborative.fitting import EASE_ITEMS, POPULARITY_HALF_LIFE, RIDGE, Met, fitted
from services.recommendations.fusing import fused
from services.recommendations.recency import recency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.evaluation.reading import Ratings
    from benchmarks.evaluation.splits import Split
    from services.recommendations.collaborative.model import Model

CANDIDATES = 200
"""Items of each ranking that are fused, as when we serve."""
MOST_HISTORY = 200
"""Items of an ordered history that count, the newest, as when we serve."""
NEIGHBOURS = 100
"""Of ItemKNN."""


class Ranker(Protocol):
    """Ranks the whole catalogue for somebody."""

    def ranked(self, known: Sequence[int], limit: int) -> list[int]:
        """The best items for somebody who has met these, oldest first, which are not among them."""
        ...


@dataclass(frozen=True)
class Signal:
    """One item of a history."""

    item_id: int
    weight: float


@dataclass(frozen=True)
class Served:
    """What serves people: the fitted model and popularity, fused by evidence."""

    model: Model
    ordered: bool

    def ranked(self, known: Sequence[int], limit: int) -> list[int]:
        newest = known[: -MOST_HISTORY - 1 : -1] if self.ordered else known
        history = [Signal(item, recency(place) if self.ordered else 1.0) for place, item in enumerate(newest)]
        blend = weights(len(history), 0)
        rankings = [
            (blend.collaborative, [each[0] for each in self.model.rank(history, limit=CANDIDATES, without=known)]),
            (blend.popular, [each[0] for each in self.model.popular(CANDIDATES, without=known)]),
        ]
        return list(fused(rankings))[:limit]


@dataclass(frozen=True)
class Popularity:
    """The same for everybody, but for what they have met."""

    counts: NDArray[np.float64]

    def ranked(self, known: Sequence[int], limit: int) -> list[int]:
        return _best(self.counts.copy(), known, limit)


@dataclass(frozen=True)
class Linear:
    """A matrix of what each item says for each other, as the papers have it: nothing left out, nothing rounded."""

    matrix: NDArray[np.float64]

    def ranked(self, known: Sequence[int], limit: int) -> list[int]:
        return _best(self.matrix[list(known)].sum(axis=0), known, limit)


def rankers(ratings: Ratings, split: Split) -> dict[str, Ranker]:
    """Each ranker, fitted to what the split lets it know. EASE and ItemKNN alone are left out beyond what fits."""
    people, items = ratings.people[split.fitted], ratings.items[split.fitted]
    matrix = sparse.csr_matrix((np.ones(len(people)), (people, items)), (ratings.person_count, ratings.item_count))
    found: dict[str, Ranker] = {"popularity": Popularity(np.asarray(matrix.sum(axis=0)).ravel())}
    if ratings.item_count <= 2 * EASE_ITEMS:
        together = (matrix.T @ matrix).toarray()
        found["ItemKNN"] = Linear(_item_knn(together))
        if ratings.item_count <= EASE_ITEMS:
            found["EASE"] = Linear(_ease(together))
    half_life = POPULARITY_HALF_LIFE if split.dated else None
    model = fitted(Met(people, items, ratings.times[split.fitted]), half_life=half_life)
    return {**found, "Porchlight": Served(model, split.ordered)}


def _ease(together: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse: NDArray[Any] = np.linalg.inv(together + RIDGE * np.eye(len(together)))
    found: NDArray[np.float64] = -inverse / np.diag(inverse)
    np.fill_diagonal(found, 0.0)
    return found


def _item_knn(together: NDArray[np.float64]) -> NDArray[Any]:
    """Cosines of the nearest. In a column, as in a row, since a neighbourhood belongs to the item that is ranked."""
    norms: NDArray[Any] = np.sqrt(np.diag(together)).clip(min=1e-9)
    likeness: NDArray[Any] = together / norms[:, None] / norms
    np.fill_diagonal(likeness, 0.0)
    if len(likeness) > NEIGHBOURS:
        least = np.partition(likeness, -NEIGHBOURS, axis=0)[-NEIGHBOURS]
        likeness[likeness < least] = 0.0
    return likeness


def _best(scores: NDArray[np.float64], known: Sequence[int], limit: int) -> list[int]:
    scores[list(known)] = -np.inf
    best: list[int] = np.argsort(-scores, kind="stable")[:limit].tolist()
    return best
