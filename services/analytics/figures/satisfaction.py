"""How satisfied people are, and how many of those who are asked say so."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from services.analytics import Name
from services.analytics.figures.days import day_of, rows, start_of
from services.analytics.figures.measure import Comparison, Counts, Kind, Measure
from services.analytics.figures.people import counts
from services.feedback import HIGHEST, LOWEST, WINDOW_SECONDS

if TYPE_CHECKING:
    from datetime import date

    from services.app import App

LATE = timedelta(days=8)
"""Frontends may tell a week later that somebody was asked."""

_COUNTS = """
WITH seen AS (
  SELECT e.user_id, {window} AS number, e.at FROM events e WHERE e.name = $4 AND e.at >= $3 AND e.at < $2
  UNION ALL SELECT f.user_id, f."window", f.at FROM feedback f WHERE f.at >= $3 AND f.at < $2
),
asked AS (
  SELECT s.user_id, MIN(s.at) AS at FROM seen s JOIN users u ON u.id = s.user_id WHERE {people}
  GROUP BY s.user_id, s.number
)
SELECT {given} AS day, f.score, COUNT(*) AS people FROM feedback f JOIN users u ON u.id = f.user_id
WHERE f.at >= $1 AND f.at < $2 AND {people}
GROUP BY {given}, f.score
UNION ALL SELECT {day} AS day, 0 AS score, COUNT(*) AS people FROM asked WHERE at >= $1 GROUP BY {day}
"""
"""Answers by day and score; with the score 0, who was asked."""
_WINDOW = {
    "sqlite": "CAST(strftime('%s', {}) AS INTEGER) / {}",
    "postgres": "CAST(FLOOR(EXTRACT(EPOCH FROM {}) / {}) AS INTEGER)",
}


async def scores(app: App, since: date, until: date) -> dict[date, Counts]:
    """The scores that were given on each day, and how many were first asked for one, or gave one unasked.

    Of several questions and an answer in one window the first moment counts. One statement.
    """
    sql = _COUNTS.format(
        people=counts(app, "u"),
        window=_WINDOW[app.database.dialect].format("e.at", WINDOW_SECONDS),
        given=day_of(app, "f.at"),
        day=day_of(app, "at"),
    )
    before = start_of(since) - timedelta(seconds=WINDOW_SECONDS)
    found: dict[date, dict[int, int]] = defaultdict(dict)
    for row in await rows(app, sql, [start_of(since), start_of(until), before, Name.FEEDBACK_PROMPTED.value]):
        found[row["day"]][row["score"]] = row["people"]
    return {day: _counts(people) for day, people in found.items()}


def _counts(people: dict[int, int]) -> Counts:
    scores = {float(score): people[score] for score in range(LOWEST, HIGHEST + 1) if score in people}
    return Counts(scores, asked=people.get(0, 0))


SATISFACTION = Measure(
    key="satisfaction",
    name="Satisfaction, from 1 to 5",
    kind=Kind.MEAN,
    comparison=Comparison.AT_LEAST,
    target=4.5,
    gather=scores,
    settles=LATE,
)
