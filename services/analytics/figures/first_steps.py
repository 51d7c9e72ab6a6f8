"""Whether people get through their first steps: by the day on which they registered, a week later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.analytics.figures.days import day_of, rows, start_of, within
from services.analytics.figures.measure import Comparison, Counts, Kind, Measure
from services.analytics.figures.people import counts
from services.onboarding import REQUIRED, WITHIN

if TYPE_CHECKING:
    from datetime import date

    from services.app import App

_HOURS = int(WITHIN.total_seconds() // 3600)

_COHORTS = """
WITH people AS (
  SELECT u.id, u.created_at, COUNT(s.step) AS steps
  FROM users u LEFT JOIN onboarding_steps s ON s.user_id = u.id AND s.step IN ({steps}) AND {in_time}
  WHERE u.created_at >= $1 AND u.created_at < $2 AND {people}
  GROUP BY u.id, u.created_at
)
SELECT {day} AS day,
       COUNT(*) FILTER (WHERE created_at <= $3) AS judged,
       COUNT(*) FILTER (WHERE created_at <= $3 AND steps = {all}) AS completed,
       COUNT(*) FILTER (WHERE created_at > $3) AS pending
FROM people GROUP BY {day}
"""


async def completions(app: App, since: date, until: date) -> dict[date, Counts]:
    """Of those who registered on each day, how many had done all steps within a week. One statement."""
    sql = _COHORTS.format(
        steps=", ".join(f"'{key}'" for key in sorted(REQUIRED)),
        in_time=within(app, "s.done_at", "u.created_at", _HOURS),
        people=counts(app, "u"),
        day=day_of(app, "created_at"),
        all=len(REQUIRED),
    )
    found = await rows(app, sql, [start_of(since), start_of(until), app.clock.now() - WITHIN])
    return {row["day"]: Counts.share(row["completed"], row["judged"], pending=row["pending"]) for row in found}


ONBOARDING_COMPLETION = Measure(
    key="onboarding_completion",
    name="Newcomers who complete the onboarding within a week",
    kind=Kind.SHARE,
    comparison=Comparison.AT_LEAST,
    target=0.85,
    gather=completions,
)
