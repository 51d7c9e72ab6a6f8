"""Whether people who know their credentials get in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.analytics import Name
from services.analytics.figures.days import day_of, rows, start_of
from services.analytics.figures.measure import Comparison, Counts, Kind, Measure
from services.analytics.figures.people import counts

if TYPE_CHECKING:
    from datetime import date

    from services.app import App

_OUTCOME = {"sqlite": "json_extract(e.properties, '$.outcome')", "postgres": "e.properties->>'outcome'"}
_BY_DAY = """
SELECT {day} AS day, COUNT(*) AS tried, COUNT(*) FILTER (WHERE {outcome} = 'signed_in') AS signed_in
FROM events e JOIN users u ON u.id = e.user_id
WHERE e.name = $3 AND e.at >= $1 AND e.at < $2 AND {people}
GROUP BY {day}
"""


async def sign_ins(app: App, since: date, until: date) -> dict[date, Counts]:
    """Of the attempts with the right credentials, how many led to a session. One statement."""
    sql = _BY_DAY.format(day=day_of(app, "e.at"), outcome=_OUTCOME[app.database.dialect], people=counts(app, "u"))
    found = await rows(app, sql, [start_of(since), start_of(until), Name.SIGN_IN_PROVEN])
    return {row["day"]: Counts.share(row["signed_in"], row["tried"]) for row in found}


SIGN_IN_SUCCESS = Measure(
    key="sign_in_success",
    name="Sign-ins with the right credentials that succeed",
    kind=Kind.SHARE,
    comparison=Comparison.AT_LEAST,
    target=0.95,
    gather=sign_ins,
)
