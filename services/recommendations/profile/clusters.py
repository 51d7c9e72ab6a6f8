"""What several interests somebody's history holds: clusters of its items, and a medoid of each. Pure.

One mean vector of all that somebody likes lies between their interests, where nothing is; a medoid is an item that they
really met (PinnerSage, KDD 2020: Ward's clusters, medoids, importance by recency).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

MEDOIDS = 3
CLUSTERED = 60
"""The newest signals that are clustered: those beyond weigh less than a sixtieth of the newest."""
APART = 1.4
"""Ward's distance from which two clusters of unit vectors are two interests: nearly that of two unlike items.

On the catalogue that ships, 3 to 8 items of one, two or three categories make 1.0, 2.0 and 3.0 clusters (ADR 0047).
"""


def medoids(
    history: Sequence[tuple[int, float]], vectors: dict[int, NDArray[np.float32]], *, most: int = MEDOIDS
) -> tuple[tuple[int, float], ...]:
    """At most `most` items that stand for the clusters, with the part of all weight that their clusters have.

    `history` holds items with weights, the newest first. Only those with a vector, of unit length, count.
    """
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    known = [(item_id, weight) for item_id, weight in history if item_id in vectors][:CLUSTERED]
    if not known:
        return ()
    matrix = np.stack([vectors[item_id] for item_id, _ in known]).astype(np.float64)
    squares = np.maximum(2.0 - 2.0 * (matrix @ matrix.T), 0.0)
    whole = sum(weight for _, weight in known)
    found = []
    for members in ward(squares, APART):
        inner = squares[np.ix_(members, members)].sum(axis=1)
        item_id, _ = known[members[int(np.argmin(inner.round(9)))]]
        found.append((item_id, sum(known[member][1] for member in members) / whole))
    return tuple(sorted(found, key=lambda pair: -pair[1])[:most])


def ward(squares: NDArray[np.float64], apart: float) -> list[list[int]]:
    """Clusters by Ward's method, from squared distances, until all are at least `apart` from each other.

    Lance and Williams' recurrence: what the merged cluster is apart from another follows from what its parts were.
    """
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    count = len(squares)
    distances = squares.copy()
    np.fill_diagonal(distances, np.inf)
    sizes = np.ones(count)
    clusters: dict[int, list[int]] = {place: [place] for place in range(count)}
    while len(clusters) > 1:
        first, second = sorted(divmod(int(np.argmin(distances)), count))
        nearest = distances[first, second]
        if nearest >= apart**2:
            break
        total = sizes + sizes[first] + sizes[second]
        merged = (
            (sizes + sizes[first]) * distances[first] + (sizes + sizes[second]) * distances[second] - sizes * nearest
        ) / total
        merged[first] = np.inf
        distances[first], distances[:, first] = merged, merged
        distances[second], distances[:, second] = np.inf, np.inf
        sizes[first] += sizes[second]
        clusters[first] = sorted(clusters[first] + clusters.pop(second))
    return list(clusters.values())
