"""Relay connections: edges, cursors and what lies beyond them."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from core.cursors import Place, encode_cursor
from services.pages import Rows

First = Annotated[
    int | None, strawberry.argument(description="Rows from the front, 1 to 100; 20 when neither is given.")
]
After = Annotated[str | None, strawberry.argument(description="A cursor: rows behind it.")]
Last = Annotated[int | None, strawberry.argument(description="Rows from the back, 1 to 100.")]
Before = Annotated[str | None, strawberry.argument(description="A cursor: rows ahead of it.")]


@strawberry.type(description="What lies beyond a page.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = strawberry.field(description="Whether rows follow.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede.")
    start_cursor: str | None = strawberry.field(description="The first row's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last row's cursor; null on an empty page.")

    @classmethod
    def of(cls, rows: Rows[Any], places: Sequence[Place]) -> "PageInfo":
        """The information of a page whose rows stand at `places`."""
        return cls(
            has_next_page=rows.has_next,
            has_previous_page=rows.has_previous,
            start_cursor=encode_cursor(places[0]) if places else None,
            end_cursor=encode_cursor(places[-1]) if places else None,
        )

    @classmethod
    def by_id(cls, rows: Rows[Any]) -> "PageInfo":
        """The information of a page whose rows stand in the order of their ids."""
        return cls.of(rows, [_place(row) for row in rows.rows])


def cursor_by_id(row: Any) -> str:
    """The cursor of a row that stands by its id."""
    return encode_cursor(_place(row))


def _place(row: Any) -> Place:
    return (row.id, row.id)
