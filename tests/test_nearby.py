"""The neighbours of vectors: how deep the store is asked, and when it is asked again."""

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from adapters.embeddings import Space
from adapters.vectors import Neighbour, Vectors
from services.recommendations.nearby import DEPTH, Nearby
from services.recommendations.reading import Known
from services.recommendations.shelf import built
from tests.clock import START

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACE = Space("m", 4, "1")


class Stale:
    """A store in whose answers the first `stale` are dropped, as those which it knows to be gone. `filtered` counts."""

    def __init__(self, size: int, stale: int) -> None:
        self.filtered = 0
        self._ids = range(1, size + 1)
        self._stale = stale

    async def search(
        self,
        _: Space,
        queries: "NDArray[np.float32]",
        *,
        limit: int,
        among: Collection[int] | None = None,
        without: Collection[int] = (),
    ) -> list[list[Neighbour]]:
        self.filtered += among is not None or bool(without)
        pool = [key for key in self._ids if (among is None or key in among) and key not in without]
        return [[Neighbour(key, 1 - key / 5_000) for key in pool[self._stale : limit]] for _ in queries]


@pytest.mark.parametrize(
    ("size", "stale", "found", "filtered"), [(1000, 0, 200, 1), (1000, 1, 199, 1), (DEPTH, 1, 200, 0)]
)
async def test_what_is_left_of_the_nearest_is_too_little(size: int, stale: int, found: int, filtered: int) -> None:
    """The store is asked with the filter, though it left out what is stale; not where it was asked for everything."""
    known = {key: Known("ab"[key > size // 2], frozenset(), None, None, None, START, key) for key in range(1, size + 1)}
    shelf, store = built(known), Stale(size, stale)
    allowed = shelf.categories == shelf.codes["b"]
    query = np.ones((1, 4), np.float32)
    (near,) = await Nearby().of(cast("Vectors", store), SPACE, 1, query, shelf, allowed)
    assert (len(near.ids), store.filtered) == (found, filtered)
