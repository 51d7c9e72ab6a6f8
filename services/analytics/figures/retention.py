"""Who comes back: of those who registered in one week, how many were active in each later one.

Active is whose session began, was used or was refreshed. What people send comes with a session; what time alone brings,
as the end of a trial, is nobody's activity.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from models.figures import RetentionWeek
from services.analytics.figures.days import DAY, rows, start_of, window_of
from services.analytics.figures.people import counts

if TYPE_CHECKING:
    from datetime import datetime

    from services.app import App

RETAIN = "figures.retain"
WEEK = timedelta(weeks=1)
WEEKS = 26
"""How many weeks after its own a cohort is followed, and how many cohorts are told of when nobody says which."""
SETTLES = timedelta(hours=1)
"""How long after its end a week is closed: what processes with other clocks have seen is in by then."""

_MONDAY = {
    "sqlite": "date({}, 'weekday 0', '-6 days')",
    "postgres": "CAST(date_trunc('week', {} AT TIME ZONE 'UTC') AS DATE)",
}
_USES = ("created_at", "last_seen_at", "rotated_at")
_NOTE = """
INSERT INTO active_weeks (user_id, week)
SELECT DISTINCT seen.user_id, seen.week FROM ({uses}) AS seen WHERE TRUE
ON CONFLICT (user_id, week) DO NOTHING
"""
_USE = "SELECT user_id, {week} AS week FROM sessions WHERE {column} >= $1"
_ACTIVE = """
SELECT {cohort} AS day, COUNT(*) AS present, COUNT(a.id) AS active
FROM users u LEFT JOIN active_weeks a ON a.user_id = u.id AND a.week = $3
WHERE u.created_at >= $1 AND u.created_at < $2 AND {people}
GROUP BY {cohort}
"""


@dataclass(frozen=True)
class Cohort:
    """Those who registered in the week of `monday`; `weeks` are pairs of a week's number and how many were active."""

    monday: date
    size: int
    weeks: tuple[tuple[int, int], ...]


async def retention(app: App, since: datetime | None, until: datetime | None) -> list[Cohort]:
    """The cohorts that began in these days, as far as their weeks are over. One statement. Raises BadUserInput.

    Without a beginning, the last 26.
    """
    window = window_of(since, until, app.clock.now(), days=WEEKS * 7)
    found: dict[date, list[RetentionWeek]] = defaultdict(list)
    for row in await RetentionWeek.filter(cohort__gte=window.since, cohort__lt=window.until).order_by("cohort", "week"):
        found[row.cohort].append(row)
    return [
        Cohort(cohort, cells[0].size, tuple(((cell.week - cohort) // WEEK, cell.active) for cell in cells))
        for cohort, cells in found.items()
    ]


async def retain(app: App, _: dict[str, Any]) -> None:
    """Note who was active this week and last, and write down the last week once it is over: a recurring job.

    Twice is as once. A week in which no worker ran at all stays unknown.
    """
    this_week = monday_of((app.clock.now() - SETTLES).date())
    last_week = this_week - WEEK
    uses = " UNION ALL ".join(_USE.format(week=_monday(app, column), column=column) for column in _USES)
    await rows(app, _NOTE.format(uses=uses), [start_of(last_week)])
    if not await RetentionWeek.exists(week=last_week):
        await RetentionWeek.bulk_create(await _cells(app, last_week), ignore_conflicts=True)


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - day.weekday() * DAY


async def _cells(app: App, week: date) -> list[RetentionWeek]:
    """The row of each cohort that is still followed in a week. Two statements."""
    now = app.clock.now()
    sql = _ACTIVE.format(cohort=_monday(app, "u.created_at"), people=counts(app, "u"))
    found = await rows(app, sql, [start_of(week - WEEKS * WEEK), start_of(week + WEEK), week])
    sizes = dict(await RetentionWeek.filter(cohort__gte=week - WEEKS * WEEK).values_list("cohort", "size"))
    return [
        RetentionWeek(
            cohort=row["day"],
            week=week,
            size=sizes.get(row["day"], row["present"]),
            active=row["active"],
            frozen_at=now,
        )
        for row in found
    ]


def _monday(app: App, column: str) -> str:
    return _MONDAY[app.database.dialect].format(column)
