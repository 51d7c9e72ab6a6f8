"""Pages of connections: from 1 to 100, forward or backward, by cursors that name a place and not a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tortoise.models import Model

from core.cursors import Place, decode_cursor
from core.errors import BadUserInput

if TYPE_CHECKING:
    from tortoise.queryset import QuerySet

Row = TypeVar("Row")
Stored = TypeVar("Stored", bound=Model)

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


async def newest_first(found: QuerySet[Stored], page: Page) -> Rows[Stored]:
    """A page of stored rows in the order of their ids, the newest first. One query."""
    if page.after:
        found = found.filter(id__lt=page.after[1])
    if page.before:
        found = found.filter(id__gt=page.before[1])
    return cut(await found.order_by("-id" if page.forward else "id").limit(page.size + 1), page)


def _place(cursor: str | None, name: str) -> Place | None:
    if cursor is None:
        return None
    place = decode_cursor(cursor)
    if place is None:
        raise BadUserInput(f"{name} is none of our cursors.")
    return place
