"""Pages of connections: from 1 to 100, forward or backward, by cursors that name a place and not a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from core.cursors import Place, decode_cursor
from core.errors import BadUserInput

Row = TypeVar("Row")

DEFAULT_SIZE = 20
LARGEST = 100


@dataclass(frozen=True)
class Page:
    """What a client asks for: `size` rows after one place, or before another."""

    size: int = DEFAULT_SIZE
    forward: bool = True
    after: Place | None = None
    before: Place | None = None


@dataclass(frozen=True)
class Rows(Generic[Row]):
    """One page of rows, in the connection's order."""

    rows: list[Row]
    has_next: bool
    has_previous: bool


def page_of(first: int | None, after: str | None, last: int | None, before: str | None) -> Page:
    """The page of a connection's arguments. Raises BadUserInput."""
    if first is not None and last is not None:
        raise BadUserInput("first and last exclude each other.")
    size = next((given for given in (first, last) if given is not None), DEFAULT_SIZE)
    if not 1 <= size <= LARGEST:
        raise BadUserInput(f"A page has from 1 to {LARGEST} rows.")
    return Page(size, last is None, _place(after, "after"), _place(before, "before"))


def cut(rows: list[Row], page: Page) -> Rows[Row]:
    """The page out of `size` + 1 rows that were read in the page's direction: the one too many tells of more."""
    more = len(rows) > page.size
    kept = rows[: page.size]
    if page.forward:
        return Rows(kept, has_next=more, has_previous=page.after is not None)
    return Rows(kept[::-1], has_next=page.before is not None, has_previous=more)


def _place(cursor: str | None, name: str) -> Place | None:
    if cursor is None:
        return None
    place = decode_cursor(cursor)
    if place is None:
        raise BadUserInput(f"{name} is none of our cursors.")
    return place
