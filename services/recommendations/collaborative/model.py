"""A fitted model: for each item its neighbours with weights, and how popular it is. Pure, and without I/O."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from services.recommendations.blending import alike

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

FORMAT = 1
"""Of what `encoded` writes. Who changes that raises it."""
ARRAYS: dict[str, type] = {"starts": np.int64, "numbers": np.uint32, "weights": np.float16}
"""Of one table of neighbours."""


class Signal(Protocol):
    """What somebody did with an item, and how much it counts: what it was, times how long ago it was."""

    @property
    def item_id(self) -> int: ...
    @property
    def weight(self) -> float: ...


class UnreadableModel(ValueError):
    """Bytes that are no model of this format."""


@dataclass(frozen=True)
class Neighbours:
    """What having met an item says for others. Of item n: `numbers[starts[n]:starts[n + 1]]`, with their weights."""

    starts: NDArray[np.int64]
    numbers: NDArray[np.uint32]
    weights: NDArray[np.float16]

    def said(
        self, items: NDArray[np.int64], strengths: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Everything that these items say: by the place of the item, for which other one, and how much."""
        begins, lengths = self.starts[items], self.starts[items + 1] - self.starts[items]
        voices = np.repeat(np.arange(len(items)), lengths)
        places = np.arange(lengths.sum()) + np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)
        return voices, self.numbers[places].astype(np.int64), self.weights[places] * strengths[voices]

    def whole(self, count: int) -> bool:
        """Whether every number leads to one of so many items."""
        return bool(
            len(self.starts) == count + 1
            and self.starts[0] == 0
            and self.starts[-1] == len(self.numbers) == len(self.weights)
            and (np.diff(self.starts) >= 0).all()
            and (self.numbers < count).all()
            and np.isfinite(self.weights).all()
        )


@dataclass(frozen=True)
class Model:
    """Items have numbers: that of the id `items[n]` is n, and `items` ascends.

    `leading` is what the whole history is ranked by. `alike`, which may be empty, helps while a history is short.
    `popularity` is one figure an item, 0 where too few people stand behind it.
    """

    kind: str
    items: NDArray[np.int64]
    popularity: NDArray[np.float32]
    leading: Neighbours
    alike: Neighbours

    def rank(
        self, history: Sequence[Signal], *, limit: int, without: Collection[int] = ()
    ) -> list[tuple[int, float, int]]:
        """At most `limit` items that the history speaks for: id, score, and the item that speaks loudest for it.

        Items of the history are not among them. The best comes first, equal ones by id.
        """
        numbers, strengths = self._known(history)
        if not len(numbers) or limit < 1:
            return []
        voices, targets, said = self._said(numbers, strengths)
        scores: NDArray[Any] = np.bincount(targets, said, minlength=len(self.items))
        scores[numbers] = 0.0
        scores[self._numbers(_array(without))[0]] = 0.0
        best = _best(scores, limit)
        slots = np.full(len(self.items), -1)
        slots[best] = np.arange(len(best))
        heard = slots[targets] >= 0
        loudness = np.zeros((len(numbers), len(best)))
        np.add.at(loudness, (voices[heard], slots[targets[heard]]), said[heard])
        loudest = self.items[numbers[loudness.argmax(axis=0)]]
        return list(zip(self.items[best].tolist(), scores[best].tolist(), loudest.tolist(), strict=True))

    def popular(self, limit: int, *, without: Collection[int] = ()) -> list[tuple[int, float]]:
        """At most `limit` items and their popularity, the most popular first, equal ones by id."""
        scores = self.popularity.astype(np.float64)
        scores[self._numbers(_array(without))[0]] = 0.0
        best = _best(scores, limit)
        return list(zip(self.items[best].tolist(), scores[best].tolist(), strict=True))

    def encoded(self) -> bytes:
        """The model as bytes: NumPy's compressed archive, of plain arrays alone."""
        file = io.BytesIO()
        tables = {
            f"{name}_{part}": getattr(table, part)
            for name, table in (("leading", self.leading), ("alike", self.alike))
            for part in ARRAYS
        }
        np.savez_compressed(
            file, allow_pickle=False, kind=np.array(self.kind), items=self.items, popularity=self.popularity, **tables
        )
        return file.getvalue()

    def _said(
        self, numbers: NDArray[np.int64], strengths: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """What the history says by both tables, each brought to 1 for the item that it speaks for most."""
        found = []
        for share, table in ((1.0, self.leading), (alike(len(numbers)), self.alike)):
            voices, targets, said = table.said(numbers, strengths)
            most = np.bincount(targets, said, minlength=1).max()
            if share > 0 and most > 0:
                found.append((voices, targets, said * (share / most)))
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        voices, targets, said = (np.concatenate(part) for part in zip(*found, strict=True))
        return voices, targets, said

    def _known(self, history: Sequence[Signal]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Numbers and weights of the signals whose items the model knows, each item once."""
        weights: dict[int, float] = {}
        for signal in history:
            if signal.weight > weights.get(signal.item_id, 0.0):
                weights[signal.item_id] = signal.weight
        ids = np.fromiter(weights, np.int64, len(weights))
        numbers, known = self._numbers(ids)
        return numbers, np.fromiter(weights.values(), np.float64, len(weights))[known]

    def _numbers(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The numbers of the ids that the model knows, and which these are."""
        if not len(self.items):
            return np.empty(0, np.int64), np.zeros(len(ids), np.bool_)
        places = np.searchsorted(self.items, ids).clip(max=len(self.items) - 1)
        known = self.items[places] == ids
        return places[known], known


def decoded(content: bytes) -> Model:
    """The model that was `encoded`. Raises UnreadableModel for anything else; nothing in it is ever executed."""
    types: dict[str, type] = {"items": np.int64, "popularity": np.float32}
    types |= {f"{name}_{part}": each for name in ("leading", "alike") for part, each in ARRAYS.items()}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            kind = str(archive["kind"])
            arrays: dict[str, Any] = {name: archive[name] for name in types}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableModel(str(error)) from error
    if any(array.dtype != types[name] or array.ndim != 1 for name, array in arrays.items()):
        raise UnreadableModel("The arrays are of other types.")
    leading, near = (Neighbours(*(arrays[f"{name}_{part}"] for part in ARRAYS)) for name in ("leading", "alike"))
    model = Model(kind, arrays["items"], arrays["popularity"], leading, near)
    count = len(model.items)
    ordered = (np.diff(model.items) > 0).all() and len(model.popularity) == count
    if not (ordered and np.isfinite(model.popularity).all() and leading.whole(count) and near.whole(count)):
        raise UnreadableModel("The arrays do not belong together.")
    return model


def _array(ids: Collection[int]) -> NDArray[np.int64]:
    return np.fromiter(ids, np.int64, len(ids))


def _best(scores: NDArray[Any], limit: int) -> NDArray[np.int64]:
    """The numbers of at most `limit` positive scores, the highest first, equal ones by number."""
    if not 0 < limit < len(scores):
        among = np.flatnonzero(scores > 0)
    else:
        least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        among = np.flatnonzero((scores >= least) & (scores > 0))
    return among[np.argsort(-scores[among], kind="stable")][: max(0, limit)]
