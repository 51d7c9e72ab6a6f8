"""Which intent a vector belongs to, and how sure that is: learnt from phrasings alone, in whatever space they are in.

An intent's score is the mean of two cosines: to the intent's centroid, and on average to its three nearest phrasings.
How sure the best one is follows from its score and from how far it is ahead, by logistic regression over each phrasing
as it scores when it is left out, and over what belongs to no intent. Pure: the benchmark runs the same code.

Imported when first something is asked: NumPy takes long to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Matrix = NDArray[np.float64]
    Labels = NDArray[np.intp]

NEAREST = 3
OUTSIDE_SHARE = 0.2
"""How many of all utterances belong to no intent: assumed. More of them make each answer less sure."""
_STEPS = 25
"""Of Newton's method: it stands still after about ten."""
_RIDGE = 1e-3


@dataclass(frozen=True)
class Guess:
    """The likeliest intents, the best first, and the probability that the first is the right one."""

    names: tuple[str, ...]
    confidence: float


@dataclass(frozen=True)
class Classifier:
    """What was learnt in one space. `labels` tells each phrasing's row of `names`.

    `weights` make a probability: of one, of the best score, and of its lead.
    """

    names: tuple[str, ...]
    labels: Labels
    phrasings: Vectors
    centroids: Vectors
    weights: Matrix

    def guesses(self, vectors: Vectors) -> list[Guess]:
        """A guess for each row. A row of zeros is near to nothing: its confidence is that of a score of 0."""
        return self._told(_scores(vectors @ self.centroids.T, vectors @ self.phrasings.T, self.labels))

    def left_out(self) -> list[Guess]:
        """How each phrasing would be guessed if it had not been learnt from."""
        return self._told(_left_out(self.phrasings, self.labels, len(self.names)))

    def _told(self, scores: Matrix) -> list[Guess]:
        order = np.argsort(-scores, axis=1, kind="stable")[:, :NEAREST]
        sure = _probability(_features(scores), self.weights)
        named = (tuple(self.names[place] for place in places) for places in order)
        return [Guess(names, float(probability)) for names, probability in zip(named, sure, strict=True)]


def learn(names: Sequence[str], vectors: Sequence[Vectors], outside: Vectors) -> Classifier:
    """Learn from the vectors of each name's phrasings, all of unit length, and from those of what is outside."""
    phrasings = np.concatenate(vectors)
    labels = np.repeat(np.arange(len(names)), [len(rows) for rows in vectors])
    centroids = _unit(_sums(phrasings, labels, len(names)))
    inside = _left_out(phrasings, labels, len(names))
    beyond = _scores(outside @ centroids.T, outside @ phrasings.T, labels)
    right = np.concatenate([inside.argmax(axis=1) == labels, np.zeros(len(outside), np.bool_)])
    each = OUTSIDE_SHARE / (1 - OUTSIDE_SHARE) * len(inside) / len(outside)
    counts = np.concatenate([np.ones(len(inside)), np.full(len(outside), each)])
    weights = _regression(np.concatenate([_features(inside), _features(beyond)]), right, counts)
    return Classifier(tuple(names), labels, phrasings, centroids, weights)


def _left_out(phrasings: Vectors, labels: Labels, count: int) -> Matrix:
    """Scores of each phrasing without itself: in its own intent's centroid, and among the phrasings near to it."""
    rows = np.arange(len(phrasings))
    sums = _sums(phrasings, labels, count)
    to_centroids = phrasings @ _unit(sums).T
    to_centroids[rows, labels] = (phrasings * _unit(sums[labels] - phrasings)).sum(axis=1)
    near = phrasings @ phrasings.T
    near[rows, rows] = -np.inf
    return _scores(to_centroids, near, labels)


def _scores(to_centroids: Vectors, near: Vectors, labels: Labels) -> Matrix:
    """A score of each row for each intent."""
    intents = range(to_centroids.shape[1])
    best = [np.sort(near[:, labels == place], axis=1)[:, -NEAREST:].mean(axis=1) for place in intents]
    scores: Matrix = (to_centroids.astype(np.float64) + np.stack(best, axis=1)) / 2
    return scores


def _features(scores: Matrix) -> Matrix:
    """One, the best score, and how far it is ahead of the second."""
    first, second = np.sort(scores, axis=1)[:, :-3:-1].T
    return np.stack([np.ones(len(scores)), first, first - second], axis=1)


def _probability(features: Matrix, weights: Matrix) -> Matrix:
    return 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))


def _regression(features: Matrix, right: NDArray[np.bool_], counts: Matrix) -> Matrix:
    """Weighted logistic regression by Newton's method, held back a little: it ends also where all can be told apart."""
    weights = np.zeros(features.shape[1])
    for _ in range(_STEPS):
        probable = _probability(features, weights)
        slope = features.T @ (counts * (probable - right)) + _RIDGE * weights
        bend = (features * (counts * probable * (1 - probable))[:, np.newaxis]).T @ features
        weights -= np.linalg.solve(bend + _RIDGE * np.eye(len(weights)), slope)
    return weights


def _sums(phrasings: Vectors, labels: Labels, count: int) -> Vectors:
    return np.stack([phrasings[labels == place].sum(axis=0) for place in range(count)])


def _unit(rows: Vectors) -> Vectors:
    """Each row at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
