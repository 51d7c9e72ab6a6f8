"""The catalogue as arrays, so that no question about all of it is answered by a loop over 100,000 items."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from services.recommendations.filters import Rules
    from services.recommendations.reading import Known

AT_ONCE = 5_000
"""Items of a catalogue that is put on the shelf at once; more of them in a thread, while the shelf before serves."""


@dataclass(frozen=True)
class Shelf:
    """Arrays of one length, in the order of the walk through the catalogue. Times are seconds since 1970.

    `tags` and `features` hold the rows of items with that tag, or that require that feature.
    """

    source: Mapping[int, Known]
    ids: NDArray[np.int64]
    categories: NDArray[np.int32]
    begins: NDArray[np.float64]
    ends: NDArray[np.float64]
    created: NDArray[np.float64]
    codes: Mapping[str, int]
    tags: Mapping[str, NDArray[np.intp]]
    features: Mapping[str, NDArray[np.intp]]
    order: NDArray[np.intp]

    def allowed(self, rules: Rules) -> NDArray[np.bool_]:
        """Which rows the rules admit."""
        import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

        moment = rules.now.timestamp()
        allowed: NDArray[np.bool_] = (self.begins <= moment) & (moment < self.ends)
        for feature in rules.lacking & self.features.keys():
            allowed[self.features[feature]] = False
        if rules.wanted.categories:
            allowed &= np.isin(self.categories, [self.codes.get(each, -1) for each in rules.wanted.categories])
        if rules.wanted.tags:
            marked = np.zeros(len(self.ids), np.bool_)
            for tag in self.tags.keys() & rules.wanted.tags:
                marked[self.tags[tag]] = True
            allowed &= marked
        allowed[self.rows(rules.hidden)] = False
        return allowed

    def rows(self, ids: Collection[int]) -> NDArray[np.intp]:
        """The rows of those ids that are here, in the order given."""
        rows, known = self._places(ids)
        return rows[known]

    def kept(self, ids: Collection[int] | NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of each id whether it is here and allowed."""
        rows, known = self._places(ids)
        return known & allowed[rows] if len(self.ids) else known

    def _places(self, ids: Collection[int] | NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

        sought = ids if isinstance(ids, np.ndarray) else np.fromiter(ids, np.int64, len(ids))
        if not len(self.ids):
            return np.zeros(len(ids), np.intp), np.zeros(len(ids), np.bool_)
        places = np.searchsorted(self.ids, sought, sorter=self.order).clip(max=len(self.ids) - 1)
        rows = self.order[places]
        return rows, self.ids[rows] == sought


class Shelves:
    """Keeps the shelf of the catalogue as it was last read."""

    def __init__(self) -> None:
        self._shelf: Shelf | None = None
        self._making: asyncio.Task[None] | None = None

    async def of(self, known: Mapping[int, Known]) -> Shelf:
        """The shelf of what is known; of a large catalogue that has just changed, the one before, for a moment."""
        present = self._shelf
        if present is not None and present.source is known:
            return present
        if len(known) <= AT_ONCE:
            self._shelf = built(known)
            return self._shelf
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._make(known))
        if present is not None:
            return present
        await asyncio.shield(self._making)
        return self._shelf or built(known)

    async def _make(self, known: Mapping[int, Known]) -> None:
        self._shelf = await asyncio.to_thread(built, known)


def built(known: Mapping[int, Known]) -> Shelf:
    """The shelf of these items."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    items = sorted(known.items(), key=lambda pair: (pair[1].position, pair[0]))
    codes: dict[str, int] = {}
    tags: dict[str, list[int]] = {}
    features: dict[str, list[int]] = {}
    categories = np.empty(len(items), np.int32)
    for row, (_, each) in enumerate(items):
        categories[row] = codes.setdefault(each.category, len(codes))
        for tag in each.tags:
            tags.setdefault(tag, []).append(row)
        if each.requires:
            features.setdefault(each.requires, []).append(row)
    ids = np.fromiter((item_id for item_id, _ in items), np.int64, len(items))
    return Shelf(
        source=known,
        ids=ids,
        categories=categories,
        begins=_moments((each.available_from for _, each in items), len(items), -np.inf),
        ends=_moments((each.available_until for _, each in items), len(items), np.inf),
        created=_moments((each.created_at for _, each in items), len(items), 0.0),
        codes=codes,
        tags={tag: np.array(rows, np.intp) for tag, rows in tags.items()},
        features={feature: np.array(rows, np.intp) for feature, rows in features.items()},
        order=np.argsort(ids),
    )


def _moments(moments: Iterable[datetime | None], count: int, otherwise: float) -> NDArray[np.float64]:
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    return np.fromiter((otherwise if each is None else each.timestamp() for each in moments), np.float64, count)
