"""Several rankings become one, and one that does not repeat itself. Pure: the evaluation runs the same code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

DAMPING = 60.0
"""The k of reciprocal rank fusion, as its authors have it (Cormack, Clarke, Büttcher, SIGIR 2009)."""
RELEVANCE = 0.7
"""How much relevance counts in diversification, against likeness: measured to cost no NDCG on MovieLens-100k."""


def fused(rankings: Sequence[tuple[float, Sequence[int]]], *, damping: float = DAMPING) -> dict[int, float]:
    """Weighted reciprocal rank fusion: for each id the sum of weight / (damping + rank), rank from 1.

    The ids come in the order of their sums, equal ones by id. A ranking of weight 0 says nothing.
    """
    sums: dict[int, float] = {}
    for weight, ids in rankings:
        if weight > 0:
            for rank, each in enumerate(ids, start=1):
                sums[each] = sums.get(each, 0.0) + weight / (damping + rank)
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


def diversified(
    scores: Mapping[int, float], vectors: Mapping[int, NDArray[np.float32]], limit: int, *, relevance: float = RELEVANCE
) -> list[int]:
    """Maximal marginal relevance: at most `limit` ids, each the best of what is left when what it repeats is taken off.

    Scores are brought to 0..1; `vectors` are of unit length, and an id without one is like no other.
    Carbonell and Goldstein, SIGIR 1998. Needs O(limit · ids · dimension).
    """
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    ids = list(scores)
    if not ids:
        return []
    worth = np.fromiter(scores.values(), np.float64, len(ids))
    spread = worth.max() - worth.min()
    worth = (worth - worth.min()) / spread if spread > 0 else np.ones(len(ids))
    nothing = np.zeros(len(next(iter(vectors.values()))) if vectors else 1, np.float32)
    matrix = np.stack([vectors.get(each, nothing) for each in ids])
    likeness = np.zeros(len(ids))
    left = np.ones(len(ids), np.bool_)
    chosen: list[int] = []
    for _ in range(min(limit, len(ids))):
        place = int(np.argmax(np.where(left, relevance * worth - (1 - relevance) * likeness, -np.inf)))
        chosen.append(ids[place])
        left[place] = False
        np.maximum(likeness, matrix @ matrix[place], out=likeness)
    return chosen
