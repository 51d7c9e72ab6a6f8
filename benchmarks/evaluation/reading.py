"""Files of ratings: who, what, how much, when. Delimiter and header are found out; bad lines are told by number."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DELIMITERS = ("::", "\t", ";", ",", "|", " ")
NAMES = {
    "user": ("user", "userid", "user_id", "user_id:token", "uid"),
    "item": ("item", "itemid", "item_id", "item_id:token", "movieid", "iid"),
    "rating": ("rating", "rating:float", "weight", "score"),
    "timestamp": ("timestamp", "timestamp:float", "time", "ts"),
}
SHOWN = 10
"""Bad lines that are told one by one."""


class UnreadableRatings(Exception):
    """A file that holds no ratings."""


@dataclass(frozen=True)
class Ratings:
    """Who met which item when: numbers from 0, each pair once, by time and, at one time, in the file's order.

    `bad` tells each line that was left out, and why.
    """

    people: NDArray[np.int64]
    items: NDArray[np.int64]
    times: NDArray[np.float64]
    sha256: str
    bad: tuple[str, ...]

    @property
    def person_count(self) -> int:
        """How many people there are."""
        return int(self.people.max()) + 1

    @property
    def item_count(self) -> int:
        """How many items there are."""
        return int(self.items.max()) + 1


def read(path: Path, *, min_rating: float | None = None) -> Ratings:
    """The ratings of a file; with `min_rating` those that are at least as good. Raises UnreadableRatings, OSError."""
    content = path.read_bytes()
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    if not lines:
        raise UnreadableRatings("The file is empty.")
    delimiter = next((each for each in DELIMITERS if len(lines[0].split(each)) >= 3), None)  # ruff: ignore[magic-value-comparison] -- user, item, rating
    if delimiter is None:
        raise UnreadableRatings("The first line has not three fields by any delimiter that is known.")
    columns, first = _columns(_fields(lines[0], delimiter))
    rows: list[tuple[str, str, float]] = []
    bad: list[str] = []
    for number, line in enumerate(lines[first:], start=first + 1):
        try:
            if row := _row(_fields(line, delimiter), columns, min_rating):
                rows.append(row)
        except ValueError as error:
            bad.append(f"line {number}: {error}")
    if not rows:
        raise UnreadableRatings(f"No line holds a rating. {' '.join(bad[:1])}")
    return _ratings(rows, hashlib.sha256(content).hexdigest(), bad)


def _fields(line: str, delimiter: str) -> list[str]:
    if len(delimiter) > 1:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter), [])


def _columns(head: Sequence[str]) -> tuple[dict[str, int], int]:
    """The place of each column, and the place of the first line of ratings: 1 after a header."""
    names = [name.strip().lower() for name in head]
    found = {key: names.index(name) for key, known in NAMES.items() for name in known if name in names}
    if {"user", "item"} <= found.keys():
        return found, 1
    return {"user": 0, "item": 1, "rating": 2, **({"timestamp": 3} if len(head) > len(NAMES) - 1 else {})}, 0


def _row(fields: Sequence[str], columns: dict[str, int], min_rating: float | None) -> tuple[str, str, float] | None:
    """User, item and time; None where the rating is below the least. Raises ValueError for a bad line."""
    if len(fields) <= max(columns.values()):
        raise ValueError(f"{len(fields)} fields, {max(columns.values()) + 1} are needed")
    user, item = fields[columns["user"]].strip(), fields[columns["item"]].strip()
    if not user or not item:
        raise ValueError("no user or no item")
    rating = float(fields[columns["rating"]]) if "rating" in columns else 1.0
    time = float(fields[columns["timestamp"]]) if "timestamp" in columns else 0.0
    if not np.isfinite(rating) or not np.isfinite(time):
        raise ValueError("a rating or time that is no number")
    return None if min_rating is not None and rating < min_rating else (user, item, time)


def _ratings(rows: Sequence[tuple[str, str, float]], sha256: str, bad: Sequence[str]) -> Ratings:
    """Numbered in the order of names, so that nothing depends on the order of lines but what happened at one time."""
    times = np.array([time for _, _, time in rows], np.float64)
    people = np.unique(np.array([user for user, _, _ in rows]), return_inverse=True)[1].astype(np.int64)
    items = np.unique(np.array([item for _, item, _ in rows]), return_inverse=True)[1].astype(np.int64)
    order = np.argsort(times, kind="stable")
    pairs = people[order] * (items.max() + 1) + items[order]
    once = order[np.sort(np.unique(pairs, return_index=True)[1])]
    return Ratings(people[once], items[once], times[once], sha256, tuple(bad))
