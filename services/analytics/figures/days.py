"""Days of figures, in UTC, and what the two databases call them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App

DAY = timedelta(days=1)
DEFAULT = 90
"""Days that are looked at when nobody says which."""
FURTHEST = 36_525 * DAY
"""How far back a moment is told apart from another: no arithmetic leaves the calendar from there."""
LONGEST = 400
"""Days that can be looked at: thirteen months."""

_DAY_OF = {
    "sqlite": "date({})",
    "postgres": "CAST({} AT TIME ZONE 'UTC' AS DATE)",
}
_LATER = {
    # SQLite counts in milliseconds.
    "sqlite": "julianday({0}) <= julianday({1}, '+{2} hours')",
    "postgres": "{0} <= {1} + INTERVAL '{2} hours'",
}


@dataclass(frozen=True)
class Window:
    """Days from `since` to before `until`."""

    since: date
    until: date

    @property
    def days(self) -> list[date]:
        """Each of them, the oldest first."""
        return [self.since + number * DAY for number in range((self.until - self.since).days)]


def window_of(since: datetime | None, until: datetime | None, now: datetime, *, days: int = DEFAULT) -> Window:
    """The whole days in UTC that a span of time touches, none after today. Raises BadUserInput.

    Without an end it ends now, without a beginning it is `days` long. A moment without a zone is one in UTC.
    """
    tomorrow = now.astimezone(UTC).date() + DAY
    first = tomorrow - FURTHEST
    end = tomorrow if until is None else max(first, min(tomorrow, _day_after(_known(until, first, tomorrow))))
    start = end - days * DAY if since is None else _known(since, first, tomorrow).date()
    if start >= end:
        raise BadUserInput("`since` must lie before `until`, and not after today.")
    if (end - start).days > LONGEST:
        raise BadUserInput(f"At most {LONGEST} days can be looked at.")
    return Window(start, end)


def start_of(day: date) -> datetime:
    """The first moment of a day."""
    return datetime.combine(day, time(), UTC)


def day_of(app: App, column: str) -> str:
    """The day of a column, in SQL."""
    return _DAY_OF[app.database.dialect].format(column)


def within(app: App, column: str, since: str, hours: int) -> str:
    """That a column is no later than so many hours after another one, in SQL."""
    return _LATER[app.database.dialect].format(column, since, hours)


def moment(told: datetime | str) -> datetime:
    """A time that `rows` gave: SQLite gives text. In UTC."""
    return (datetime.fromisoformat(told) if isinstance(told, str) else told).astimezone(UTC)


async def rows(app: App, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """What a statement with times and days gives; a column `day` is a date."""
    if app.database.dialect == "postgres":
        return await app.database.rows(sql, values)
    told = [value.isoformat(" ") if isinstance(value, datetime) else value for value in values]
    found = await app.database.rows(sql, [str(value) if isinstance(value, date) else value for value in told])
    return [row | {"day": date.fromisoformat(row["day"])} if "day" in row else row for row in found]


def _known(told: datetime, first: date, last: date) -> datetime:
    """The moment in UTC, brought between two days: year 1 and year 9999 have no neighbours in every zone."""
    zoned = told if told.tzinfo else told.replace(tzinfo=UTC)
    return min(max(zoned, start_of(first)), start_of(last)).astimezone(UTC)


def _day_after(moment: datetime) -> date:
    """The day after the last one that `moment`, in UTC, is later than the start of."""
    return moment.date() if moment.time() == time() else moment.date() + DAY
