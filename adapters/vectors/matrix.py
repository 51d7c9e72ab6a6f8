"""Exact search over the rows of a matrix that grows while it is searched."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import starmap
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adapters.vectors.port import Neighbour

Floats: TypeAlias = NDArray[np.float32]
Flags: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.intp]

CHUNK = 256  # vectors that are made ready at a time, so that little is copied
BLOCK = 2**23  # numbers of the matrix that one call reads: each call waits for the interpreter, which others keep busy
SPARSE = 4  # of that many rows one or fewer: gathering them is faster than multiplying all


@dataclass(frozen=True)
class Rows:
    """What a search sees. The rows that `alive` covers never change; later ones go into the same buffers unseen."""

    vectors: Floats
    ids: NDArray[np.int64]
    alive: Flags

    @property
    def size(self) -> int:
        return len(self.alive)

    def search(
        self, directions: Floats, limit: int, among: Collection[int] | None, without: Collection[int]
    ) -> list[list[Neighbour]]:
        """The nearest to each of `directions`, which `directions()` has made."""
        rows = self._allowed(among, without)
        if not len(rows):
            return [[] for _ in directions]
        products = self._products(rows, directions)
        return [self._best(rows, *each, limit) for each in zip(products, directions, strict=True)]

    def of(self, wanted: Collection[int]) -> dict[int, Floats]:
        """The vectors of those ids that are here, not copied."""
        rows = self._find(set(wanted))
        return dict(zip(self.ids[rows].tolist(), (self.vectors[row] for row in rows), strict=True))

    def _allowed(self, among: Collection[int] | None, without: Collection[int]) -> Places:
        if among is not None:
            return self._find(set(among).difference(without))
        if not without:
            return np.flatnonzero(self.alive)
        allowed = self.alive.copy()
        allowed[self._find(without)] = False
        return np.flatnonzero(allowed)

    def _find(self, wanted: Collection[int]) -> Places:
        """The rows of those ids that are here."""
        ids, rows = self._by_id
        sought = np.fromiter(wanted, np.int64, len(wanted))
        places = np.searchsorted(ids, sought)
        places[places == len(ids)] = 0
        return rows[places[ids[places] == sought]] if len(ids) else rows

    @cached_property
    def _by_id(self) -> tuple[NDArray[np.int64], Places]:
        """The ids in order, and the row of each."""
        rows = np.flatnonzero(self.alive)
        ids = self.ids[rows]
        order = np.argsort(ids, kind="stable")  # the kind that is fast when they are nearly in order already
        return ids[order], rows[order]

    def _products(self, rows: Places, directions: Floats) -> Floats:
        """The product of each direction with each of `rows`."""
        if len(rows) * SPARSE <= self.size:
            return _multiply(self._blocks(rows), directions, len(rows))
        products = _multiply(self._blocks(), directions, self.size)
        return products if len(rows) == self.size else products[:, rows]

    def _blocks(self, rows: Places | None = None) -> Iterator[Floats]:
        """The vectors of `rows`, or of all, some at a time."""
        step = max(1, BLOCK // self.vectors.shape[1])
        for start in range(0, self.size if rows is None else len(rows), step):
            stop = start + step
            yield self.vectors[start : min(stop, self.size)] if rows is None else self.vectors[rows[start:stop]]

    def _best(self, rows: Places, products: Floats, direction: Floats, limit: int) -> list[Neighbour]:
        """Picked by products, whose last digits depend on where a row stands; ranked by cosines, which do not."""
        if not direction.any():
            return []
        count = min(limit, len(rows))
        least = np.partition(products, -count)[-count]
        rounding = len(direction) * 2.0**-22  # twice what two products in float32 of unit vectors can be off
        near = rows[products >= least - rounding]
        cosines = self._cosines(near, direction)
        ids = self.ids[near]
        order = np.lexsort((ids, -cosines))[:count]
        return list(starmap(Neighbour, zip(ids[order].tolist(), cosines[order].tolist(), strict=True)))

    def _cosines(self, rows: Places, direction: Floats) -> NDArray[np.float64]:
        exact = direction.astype(np.float64)
        chunks = (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
        cosines = np.concatenate([(self.vectors[chunk] * exact).sum(axis=1) for chunk in chunks])
        return cosines.clip(-1.0, 1.0)


class Matrix:
    """The rows of one space, for one writer at a time. Each change replaces `rows` at once.

    What is put goes below all other rows, and a row that it replaces is no longer alive. When the buffers are full, or
    fewer than half of the rows are alive, these move to new buffers with room for half as many again.
    """

    def __init__(self, dimension: int) -> None:
        self.rows = _empty(dimension, 0)
        self._row_by_id: dict[int, int] = {}

    def put(self, ids: list[int], vectors: list[NDArray[Any]]) -> None:
        """Raises ValueError before anything is changed."""
        dimension = self.rows.vectors.shape[1]
        if any(vector.shape != (dimension,) for vector in vectors):
            raise ValueError(f"Each vector of this space has {dimension} components.")
        if self.rows.size + len(ids) > len(self.rows.ids):
            self._move(len(ids))
        start, stop = self.rows.size, self.rows.size + len(ids)
        directed = _fill(self.rows.vectors[start:stop], vectors)
        self.rows.ids[start:stop] = ids
        alive = np.concatenate((self.rows.alive, directed))
        alive[self._forget(ids)] = False
        rows = zip(ids, range(start, stop), directed.tolist(), strict=True)
        self._row_by_id.update((key, row) for key, row, is_directed in rows if is_directed)
        self.rows = replace(self.rows, alive=alive)

    def remove(self, ids: Collection[int]) -> None:
        """Forget those ids that are here."""
        forgotten = self._forget(ids)
        if not forgotten:
            return
        alive = self.rows.alive.copy()
        alive[forgotten] = False
        self.rows = replace(self.rows, alive=alive)
        if len(self._row_by_id) * 2 < self.rows.size:
            self._move(0)

    def retain(self, ids: Collection[int]) -> None:
        """Forget all ids but these."""
        self.remove(self._row_by_id.keys() - set(ids))

    def _forget(self, ids: Collection[int]) -> list[int]:
        """The rows that these ids had."""
        rows = (self._row_by_id.pop(key, None) for key in ids)
        return [row for row in rows if row is not None]

    def _move(self, more: int) -> None:
        """To new buffers with room for `more` rows and then some, without what is not alive."""
        old, kept = self.rows, np.flatnonzero(self.rows.alive)
        new = _empty(old.vectors.shape[1], (len(kept) + more) * 3 // 2)
        for chunk in range(0, len(kept), CHUNK):
            rows = kept[chunk : chunk + CHUNK]
            new.vectors[chunk : chunk + len(rows)] = old.vectors[rows]
        new.ids[: len(kept)] = old.ids[kept]
        self._row_by_id = dict(zip(old.ids[kept].tolist(), range(len(kept)), strict=True))
        self.rows = replace(new, alive=np.ones(len(kept), np.bool_))


def directions(vectors: NDArray[Any], dimension: int) -> Floats:
    """A copy with each vector at unit length, or zero. Raises ValueError for what no space of `dimension` can hold."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension:  # ruff: ignore[magic-value-comparison] -- rows and columns
        raise ValueError(f"Queries of this space are an array of shape (queries, {dimension}).")
    copied = np.empty(vectors.shape, np.float32)
    _fill(copied, list(vectors))
    return copied


def _empty(dimension: int, room: int) -> Rows:
    # Memory of rows that are not written yet is promised and not taken.
    return Rows(np.empty((room, dimension), np.float32), np.empty(room, np.int64), np.empty(0, np.bool_))


def _fill(target: Floats, vectors: list[NDArray[Any]]) -> Flags:
    """Write the direction of each vector; tells which have one."""
    directed = np.empty(len(vectors), np.bool_)
    for start in range(0, len(vectors), CHUNK):
        chunk = slice(start, start + CHUNK)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is refused
            np.concatenate(vectors[chunk], out=target[chunk].reshape(-1))
        directed[chunk] = _direct(target[chunk])
    return directed


def _direct(vectors: Floats) -> Flags:
    """Bring each to unit length in place, unless it is zero; tells which are not."""
    if not np.isfinite(vectors).all():
        raise ValueError("Each component of a vector is a finite number of 32 bits.")
    exact = vectors.astype(np.float64)
    lengths = np.sqrt((exact * exact).sum(axis=1))
    directed: Flags = lengths > 0
    np.divide(exact, lengths[:, np.newaxis], out=vectors, where=directed[:, np.newaxis], casting="same_kind")
    return directed


def _multiply(blocks: Iterator[Floats], directions: Floats, count: int) -> Floats:
    """Each row with each direction, on one processor, so that searches at the same time do not hinder each other.

    A matrix product would be shared out over all processors: it takes half the time when it is alone, and five times
    as long as this when four are made at once on two processors.
    """
    products = np.empty((len(directions), count), np.float32)
    start = 0
    for block in blocks:
        for product, direction in zip(products[:, start : start + len(block)], directions, strict=True):
            np.vecdot(block, direction, out=product)
        start += len(block)
    return products
