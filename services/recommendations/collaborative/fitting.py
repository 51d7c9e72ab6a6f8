"""How a model is fitted to what people did. Pure: the evaluation fits with the same code.

EASE (Steck, WWW 2019) is a regression of every item on all others, solved at once: the best of what was measured, and
cubic in the number of items. ItemKNN, the cosine of two items' people, takes over where there are too many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from services.recommendations.collaborative.model import Model, Neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

EASE_ITEMS = 5_000
"""Up to so many items EASE is solved: the matrix of their square, in four bytes, is 100 MB then."""
RIDGE = 300.0
"""EASE's λ, how much it distrusts what few people say: the measured best on MovieLens-100k and -small."""
KNN_NEIGHBOURS = 100
KNN_SHRINKAGE = 10.0
"""Added to the product of two items' norms, so that the likeness of rare items is not made of chance."""
MOST_NEIGHBOURS = 1_000
"""Of one item, under EASE."""
MOST_ENTRIES = 2_000_000
"""Neighbours of all items together: 12 MB in memory."""
FEWEST_PEOPLE = 3
"""Who must have met both of two items before one speaks for the other, and an item before it is popular.

Otherwise the neighbours of a rare item would tell what the one person who met it has met besides.
"""
MOST_OF_ONE = 1_000
"""Items of one person that are learnt from, the latest: nobody is the whole crowd."""
POPULARITY_HALF_LIFE = 30 * 86_400.0
"""Seconds after which having been met counts half for an item's popularity."""
BLOCK = 512
"""Items whose likenesses to all others are held at once."""


@dataclass(frozen=True)
class Met:
    """Who met which item, and when, in seconds: three arrays of one length. Of several times the latest counts."""

    people: NDArray[np.int64]
    items: NDArray[np.int64]
    times: NDArray[np.float64]


def fitted(met: Met, *, kind: str | None = None, half_life: float | None = POPULARITY_HALF_LIFE) -> Model:
    """The model of what was met. It depends on nothing else: the same input gives the same bytes.

    `kind` is `ease` or `itemknn`, by the number of items unless it is told. Without `half_life`, in seconds before the
    latest time, popularity is for ever.
    """
    met = bounded(met)
    items, columns = np.unique(met.items, return_inverse=True)
    people, rows = np.unique(met.people, return_inverse=True)
    ones = np.ones(len(rows), np.float32)
    matrix = sparse.csr_matrix((ones, (rows, columns)), shape=(len(people), len(items)))
    kind = kind or ("ease" if len(items) <= EASE_ITEMS else "itemknn")
    near = _item_knn(matrix)
    nothing = Neighbours(np.zeros(len(items) + 1, np.int64), np.empty(0, np.uint32), np.empty(0, np.float16))
    leading, helping = (_ease(matrix), near) if kind == "ease" else (near, nothing)
    popularity = _popularity(columns, met.times, len(items), half_life)
    return Model(kind, items.astype(np.int64), popularity, leading, helping)


def bounded(met: Met, liked: NDArray[np.bool_] | None = None) -> Met:
    """Each item of each person once, at its latest time, and of each person the latest ones.

    Where `liked` says of each time whether the person liked the item, those whose latest time says no are left out.
    """
    order = np.lexsort((-met.times, met.items, met.people))
    people, items = met.people[order], met.items[order]
    latest = np.ones(len(order), np.bool_)
    latest[1:] = (people[1:] != people[:-1]) | (items[1:] != items[:-1])
    order = order[latest]
    order = order if liked is None else order[liked[order]]
    order = order[np.lexsort((met.items[order], -met.times[order], met.people[order]))]
    people = met.people[order]
    order = order[np.arange(len(order)) - np.searchsorted(people, people) < MOST_OF_ONE]
    return Met(met.people[order], met.items[order], met.times[order])


def _popularity(
    columns: NDArray[Any], times: NDArray[np.float64], count: int, half_life: float | None
) -> NDArray[np.float32]:
    """How many people met each item, the earlier the less; 0 where they are too few to tell."""
    counts = np.bincount(columns, minlength=count)
    sums: NDArray[Any]
    if half_life is None or not count:
        sums = counts.astype(np.float64)
    else:
        sums = np.bincount(columns, 0.5 ** ((times.max() - times) / half_life), minlength=count)
    return np.where(counts >= FEWEST_PEOPLE, sums, 0.0).astype(np.float32)


def _ease(matrix: sparse.csr_matrix) -> Neighbours:
    """Of each item the neighbours whose weights are the largest, by their amount."""
    count = matrix.shape[1]
    columns = matrix.T.tocsr()
    together = np.empty((count, count), np.float32)
    for start in range(0, count, BLOCK):
        together[start : start + BLOCK] = (columns[start : start + BLOCK] @ matrix).toarray()
    shared = np.packbits(together >= FEWEST_PEOPLE, axis=1)
    diagonal = np.diag_indices(count)
    together[diagonal] += RIDGE
    _invert(together)
    together /= -np.diag(together)
    together[diagonal] = 0.0
    most = min(MOST_NEIGHBOURS, max(1, MOST_ENTRIES // max(1, count)))
    everybody = np.arange(count)
    return _table(
        [
            _largest(everybody, np.where(np.unpackbits(shared[n], count=count), together[n], 0.0), most)
            for n in range(count)
        ]
    )


def _invert(matrix: NDArray[np.float32]) -> None:
    """Invert a positive definite matrix in place, by Gauss and Jordan with blocks for pivots.

    LAPACK's own ways take four times the memory (NumPy's) or stop the event loop for as long as they run (SciPy's).
    """
    starts = range(0, len(matrix), BLOCK)
    for start in starts:
        here = slice(start, start + BLOCK)
        pivot = np.linalg.inv(matrix[here, here])
        row, column = pivot @ matrix[here], matrix[:, here].copy()
        row[:, here] = pivot
        matrix[:, here] = 0.0
        for other in starts:
            rows = slice(other, other + BLOCK)
            if other != start:
                matrix[rows] -= column[rows] @ row
        matrix[here] = row


def _item_knn(matrix: sparse.csr_matrix) -> Neighbours:
    """Of each item the neighbours whose people are most alike: the shrunk cosine."""
    columns = matrix.T.tocsr()
    norms = np.sqrt(np.diff(columns.indptr)).astype(np.float32)
    most = min(KNN_NEIGHBOURS, max(1, MOST_ENTRIES // max(1, matrix.shape[1])))
    kept = []
    for start in range(0, matrix.shape[1], BLOCK):
        block = (columns[start : start + BLOCK] @ matrix).tocsr()
        for row in range(block.shape[0]):
            number = start + row
            place = slice(block.indptr[row], block.indptr[row + 1])
            numbers, together = block.indices[place], block.data[place]
            other = (together >= FEWEST_PEOPLE) & (numbers != number)
            numbers, together = numbers[other], together[other]
            kept.append(_largest(numbers, together / (norms[number] * norms[numbers] + KNN_SHRINKAGE), most))
    return _table(kept)


def _largest(numbers: NDArray[Any], weights: NDArray[Any], most: int) -> tuple[NDArray[np.uint32], NDArray[np.float16]]:
    """Those whose weights are the largest by amount, in their own order. What is 0 in two bytes is left out."""
    small = weights.astype(np.float16)
    amounts = np.abs(small)
    order = np.argsort(-amounts, kind="stable")[:most]
    places = np.sort(order[amounts[order] > 0])
    return numbers[places].astype(np.uint32), small[places]


def _table(kept: list[tuple[NDArray[np.uint32], NDArray[np.float16]]]) -> Neighbours:
    return Neighbours(
        np.cumsum([0, *(len(numbers) for numbers, _ in kept)], dtype=np.int64),
        np.concatenate([np.empty(0, np.uint32), *(numbers for numbers, _ in kept)]),
        np.concatenate([np.empty(0, np.float16), *(weights for _, weights in kept)]),
    )
