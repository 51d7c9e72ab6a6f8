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

_SCORES = """
SELECT {day} AS day, f.score, COUNT(*) AS answers FROM feedback f JOIN users u ON u.id = f.user_id
WHERE f.at >= $1 AND f.at < $2 AND {people}
GROUP BY {day}, f.score
"""
_ASKED = """
WITH seen AS (
  SELECT e.user_id, {window} AS number, e.at FROM events e WHERE e.name = $4 AND e.at >= $3 AND e.at < $2
  UNION ALL SELECT f.user_id, f."window", f.at FROM feedback f WHERE f.at >= $3 AND f.at < $2
),
asked AS (
  SELECT s.user_id, MIN(s.at) AS at FROM seen s JOIN users u ON u.id = s.user_id WHERE {people}
  GROUP BY s.user_id, s.number
)
SELECT {day} AS day, COUNT(*) AS people FROM asked WHERE at >= $1 GROUP BY {day}
"""
_WINDOW = {
    "sqlite": "CAST(strftime('%s', {}) AS INTEGER) / {}",
    "postgres": "CAST(FLOOR(EXTRACT(EPOCH FROM {}) / {}) AS INTEGER)",
}


async def scores(app: App, since: date, until: date) -> dict[date, Counts]:
    """The scores that were given on each day, and how many were first asked for one, or gave one unasked.

    Of several questions and an answer in one window the first moment counts. Two statements.
    """
    people, window = counts(app, "u"), _WINDOW[app.database.dialect].format("e.at", WINDOW_SECONDS)
    within = [start_of(since), start_of(until)]
    before = start_of(since) - timedelta(seconds=WINDOW_SECONDS)
    asked = _ASKED.format(people=people, window=window, day=day_of(app, "at"))
    given: dict[date, dict[float, int]] = defaultdict(lambda: dict.fromkeys(map(float, range(LOWEST, HIGHEST + 1)), 0))
    for row in await rows(app, _SCORES.format(people=people, day=day_of(app, "f.at")), within):
        given[row["day"]][float(row["score"])] = row["answers"]
    found = {
        row["day"]: row["people"] for row in await rows(app, asked, [*within, before, Name.FEEDBACK_PROMPTED.value])
    }
    return {day: Counts(given.get(day, {}), asked=found.get(day, 0)) for day in given.keys() | found.keys()}


SATISFACTION = Measure(
    key="satisfaction",
    name="Satisfaction, from 1 to 5",
    kind=Kind.MEAN,
    comparison=Comparison.AT_LEAST,
    target=4.5,
    gather=scores,
    settles=LATE,
)
