"""A fitted model: for each item its neighbours with weights, and how popular it is. Pure, and without I/O."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

FORMAT = 1
"""Of what `encoded` writes. Who changes that raises it."""
ARRAYS = {
    "items": np.int64,
    "starts": np.int64,
    "neighbours": np.uint32,
    "weights": np.float16,
    "popularity": np.float32,
}


class Signal(Protocol):
    """What somebody did with an item, and how much it counts: what it was, times how long ago it was."""

    @property
    def item_id(self) -> int: ...
    @property
    def weight(self) -> float: ...


class UnreadableModel(ValueError):
    """Bytes that are no model of this format."""


@dataclass(frozen=True)
class Model:
    """Item number n, whose id is `items[n]`, has the neighbours `neighbours[starts[n]:starts[n + 1]]`, by number.

    `items` ascends. `weights` says what having met the item speaks for each neighbour. `popularity` is one figure an
    item, 0 where too few people stand behind it.
    """

    kind: str
    items: NDArray[np.int64]
    starts: NDArray[np.int64]
    neighbours: NDArray[np.uint32]
    weights: NDArray[np.float16]
    popularity: NDArray[np.float32]

    def rank(
        self, history: Sequence[Signal], *, limit: int, without: Collection[int] = ()
    ) -> list[tuple[int, float, int]]:
        """At most `limit` items that the history speaks for: id, score, and the item that speaks loudest for it.

        Items of the history are not among them. The best comes first, equal ones by id.
        """
        numbers, strengths = self._known(history)
        if not len(numbers) or limit < 1:
            return []
        begins, lengths = self.starts[numbers], self.starts[numbers + 1] - self.starts[numbers]
        voices = np.repeat(np.arange(len(numbers)), lengths)
        places = np.arange(lengths.sum()) + np.repeat(begins - (np.cumsum(lengths) - lengths), lengths)
        targets = self.neighbours[places].astype(np.int64)
        said = self.weights[places].astype(np.float64) * strengths[voices]
        scores: NDArray[np.float64] = np.bincount(targets, said, minlength=len(self.items)).astype(
            np.float64, copy=False
        )
        scores[numbers] = 0.0
        scores[self._numbers(_array(without))[0]] = 0.0
        best = _best(scores, limit)
        slots = np.full(len(self.items), -1)
        slots[best] = np.arange(len(best))
        heard = slots[targets] >= 0
        loudness = np.zeros((len(numbers), len(best)))
        loudness[voices[heard], slots[targets[heard]]] = said[heard]
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
        np.savez_compressed(file, kind=np.array(self.kind), **{name: getattr(self, name) for name in ARRAYS})
        return file.getvalue()

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
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            kind = str(archive["kind"])
            arrays: dict[str, Any] = {name: archive[name] for name in ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableModel(str(error)) from error
    model = Model(kind, **arrays)
    if any(array.dtype != ARRAYS[name] or array.ndim != 1 for name, array in arrays.items()) or not _whole(model):
        raise UnreadableModel("The arrays do not belong together.")
    return model


def _array(ids: Collection[int]) -> NDArray[np.int64]:
    return np.fromiter(ids, np.int64, len(ids))


def _whole(model: Model) -> bool:
    """Whether every number leads somewhere."""
    count, starts = len(model.items), model.starts
    return bool(
        len(model.popularity) == count
        and len(starts) == count + 1
        and starts[0] == 0
        and starts[-1] == len(model.neighbours) == len(model.weights)
        and (np.diff(starts) >= 0).all()
        and (np.diff(model.items) > 0).all()
        and (model.neighbours < count).all()
        and np.isfinite(model.weights).all()
        and np.isfinite(model.popularity).all()
    )


def _best(scores: NDArray[np.float64], limit: int) -> NDArray[np.int64]:
    """The numbers of at most `limit` positive scores, the highest first, equal ones by number."""
    if not 0 < limit < len(scores):
        among = np.flatnonzero(scores > 0)
    else:
        least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        among = np.flatnonzero((scores >= least) & (scores > 0))
    return among[np.argsort(-scores[among], kind="stable")][: max(0, limit)]
