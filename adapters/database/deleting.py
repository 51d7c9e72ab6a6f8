"""Deleting many rows, a part at a time."""

from time import monotonic
from typing import Any

from tortoise.expressions import Subquery
from tortoise.queryset import QuerySet

PART = 5_000
"""Rows that one statement deletes."""
AT_ONCE = 10.0
"""Seconds after which no further part is begun."""


async def delete_in_parts(old: QuerySet[Any]) -> None:
    """Delete all of them, each part by a statement of its own; what takes longer than AT_ONCE is left to the next time.

    One statement for whatever has gathered would take longer than a statement may, some day, and never succeed again.
    """
    part, enough = old.limit(PART).only("id"), monotonic() + AT_ONCE
    while await old.filter(id__in=Subquery(part)).delete() == PART and monotonic() < enough:
        pass
