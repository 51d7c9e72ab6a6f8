"""Billing periods: whole intervals after an anchor, on the day of the anchor where the month has it."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from typing import Any

SECONDS = {"day": 86_400, "week": 7 * 86_400}
MONTHS = {"month": 1, "year": 12}


def boundary(anchor: int, recurring: dict[str, Any], number: int) -> int:
    """The end of the period of that number since the anchor, both in Unix time."""
    count: int = number * recurring["interval_count"]
    if recurring["interval"] in SECONDS:
        return anchor + count * SECONDS[recurring["interval"]]
    return plus_months(anchor, count * MONTHS[recurring["interval"]])


def following(anchor: int, recurring: dict[str, Any], moment: int) -> int:
    """The first boundary after a moment that is not before the anchor."""
    shortest = SECONDS.get(recurring["interval"]) or MONTHS[recurring["interval"]] * 28 * 86_400
    number = max(1, (moment - anchor) // (shortest * recurring["interval_count"]) + 1)
    while number > 1 and boundary(anchor, recurring, number - 1) > moment:
        number -= 1
    return boundary(anchor, recurring, number)


def plus_months(moment: int, months: int) -> int:
    """The same day and time some months on, or the month's last day where it is too short."""
    start = datetime.fromtimestamp(moment, UTC)
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    day = min(start.day, monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())
