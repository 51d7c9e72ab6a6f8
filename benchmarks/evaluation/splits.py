"""What is known and what is to be found: one split a protocol.

Each ratings file is cut into what the model is fitted to, what a person is known by, and what they chose besides. A
protocol whose hidden part is later than the known one is `ordered`: there the person's history has a newest item, as
it has when we serve. Where the hidden part is drawn at random there is no such moment, and all of a history counts
alike. Only where the hidden part is later than all that the model knows is it `dated`, and old popularity fades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.evaluation.reading import Ratings

HIDDEN = 0.1
"""The part of the ratings that is to be found, and as large a one for choosing figures."""
FOLDS = 5
"""Parts of the people, of whom the model knows nothing of one at a time."""
NEXT = 20
"""Items of a cold person that are to be found: those right after the known ones."""
FEWEST_NEXT = 5
"""A cold person with fewer is left out."""
KNOWN = (0, 1, 5, 20)


@dataclass(frozen=True)
class Split:
    """`fitted` tells the ratings that the model learns from. `known` and `hidden` are items by person, oldest first."""

    name: str
    ordered: bool
    dated: bool
    fitted: NDArray[np.bool_]
    known: dict[int, list[int]]
    hidden: dict[int, list[int]]


def splits(ratings: Ratings, seed: int, *, validation: bool = False) -> list[Split]:
    """Every protocol. With `validation`, what is to be found is what the test later knows: for choosing figures.

    Splits of one name belong together. Those that let the model know the same follow each other.
    """
    return [
        random_split(ratings, seed, validation=validation),
        time_split(ratings, validation=validation),
        last_one(ratings, validation=validation),
        *([] if validation else cold(ratings, seed)),
    ]


def random_split(ratings: Ratings, seed: int, *, validation: bool = False) -> Split:
    """Of each person's ratings a tenth, at random: 80/10/10, where the test also knows the validation part."""
    shuffled = np.random.default_rng(seed).permutation(len(ratings.people))
    order = shuffled[np.argsort(ratings.people[shuffled], kind="stable")]
    people = ratings.people[order]
    place = np.arange(len(order)) - np.searchsorted(people, people)
    tenth = np.maximum(1, np.rint(np.bincount(people)[people] * HIDDEN))
    test, second = np.zeros(len(order), np.bool_), np.zeros(len(order), np.bool_)
    test[order] = place < tenth
    second[order] = (place >= tenth) & (place < 2 * tenth)
    known, hidden = (~test & ~second, second) if validation else (~test, test)
    return Split(
        "random 80/10/10",
        ordered=False,
        dated=False,
        fitted=known,
        known=_of(ratings, known),
        hidden=_of(ratings, hidden),
    )


def time_split(ratings: Ratings, *, validation: bool = False) -> Split:
    """The last tenth of all ratings, by time. Who came in it has no history."""
    ends = int(len(ratings.times) * (1 - HIDDEN))
    begins = int(len(ratings.times) * (1 - 2 * HIDDEN)) if validation else ends
    place = np.arange(len(ratings.times))
    known, hidden = place < begins, (place >= begins) & (place < (ends if validation else len(place)))
    return Split(
        "time-ordered", ordered=True, dated=True, fitted=known, known=_of(ratings, known), hidden=_of(ratings, hidden)
    )


def last_one(ratings: Ratings, *, validation: bool = False) -> Split:
    """Each person's last rating; for validation the one before it."""
    order = np.argsort(ratings.people, kind="stable")
    people = ratings.people[order]
    left = np.searchsorted(people, people, side="right") - np.arange(len(order)) - 1
    wanted = 1 if validation else 0
    known, hidden = np.zeros(len(order), np.bool_), np.zeros(len(order), np.bool_)
    known[order] = left > wanted
    hidden[order] = left == wanted
    return Split(
        "leave-last-out",
        ordered=True,
        dated=False,
        fitted=known,
        known=_of(ratings, known),
        hidden=_of(ratings, hidden),
    )


def cold(ratings: Ratings, seed: int) -> list[Split]:
    """People of whom the model knows nothing, by their first few items: what came next is to be found.

    Everybody is such a person once: the model is fitted to the other four fifths.
    """
    shuffled = np.random.default_rng(seed).permutation(ratings.person_count)
    found = []
    for fold in range(FOLDS):
        unseen = np.isin(ratings.people, shuffled[fold::FOLDS])
        fitted, walks = ~unseen, _of(ratings, unseen)
        for count in KNOWN:
            long = {person: walk for person, walk in walks.items() if len(walk) >= count + FEWEST_NEXT}
            known = {person: walk[:count] for person, walk in long.items()}
            hidden = {person: walk[count : count + NEXT] for person, walk in long.items()}
            found.append(
                Split(f"cold, {count} known", ordered=True, dated=False, fitted=fitted, known=known, hidden=hidden)
            )
    return found


def _of(ratings: Ratings, chosen: NDArray[np.bool_]) -> dict[int, list[int]]:
    """Items by person, oldest first."""
    walks: dict[int, list[int]] = {}
    for person, item in zip(ratings.people[chosen].tolist(), ratings.items[chosen].tolist(), strict=True):
        walks.setdefault(person, []).append(item)
    return walks
