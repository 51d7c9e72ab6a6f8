"""Deleting many rows, a part at a time."""

from typing import Any

from tortoise.expressions import Subquery
from tortoise.queryset import QuerySet

PART = 5_000
"""Rows that one statement deletes."""


async def delete_in_parts(old: QuerySet[Any]) -> None:
    """Delete all of them, each part by a statement of its own.

    One statement for whatever has gathered would take longer than a statement may, some day, and never succeed again.
    What is not reached within a job's time is left to its next attempt.
    """
    part = old.limit(PART).only("id")
    while await old.filter(id__in=Subquery(part)).delete() == PART:
        pass
