"""What the check of sign-ups costs people: how many are challenged or refused, and how often it is wrong."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from services.analytics.figures.days import day_of, rows, start_of
from services.analytics.figures.measure import Comparison, Counts, Kind, Measure
from services.analytics.figures.people import is_test
from services.fraud.cases import CaseStatus
from services.fraud.scoring import Decision

if TYPE_CHECKING:
    from datetime import date

    from services.app import App

_CHECKS = """
SELECT {day} AS day, COUNT(*) AS seen, COUNT(*) FILTER (WHERE a.decision = $3) AS counted
FROM fraud_assessments a
WHERE a.at >= $1 AND a.at < $2 AND (a.email IS NULL OR NOT ({test}))
GROUP BY {day}
"""
_REVIEWS = """
SELECT {day} AS day, COUNT(*) AS seen, COUNT(*) FILTER (WHERE k.status = $3) AS counted
FROM fraud_cases k JOIN fraud_assessments a ON a.id = k.assessment_id
WHERE k.closed_at >= $1 AND k.closed_at < $2 AND (a.email IS NULL OR NOT ({test}))
GROUP BY {day}
"""


async def checks(app: App, since: date, until: date, *, decision: Decision) -> dict[date, Counts]:
    """Of the checks of sign-ups on each day, how many decided so. One statement."""
    return await _shares(app, _CHECKS, "a.at", since, until, decision)


async def dismissals(app: App, since: date, until: date) -> dict[date, Counts]:
    """Of the cases that were closed on each day, how many were dismissed. One statement."""
    return await _shares(app, _REVIEWS, "k.closed_at", since, until, CaseStatus.DISMISSED)


async def _shares(app: App, statement: str, at: str, since: date, until: date, wanted: str) -> dict[date, Counts]:
    sql = statement.format(day=day_of(app, at), test=is_test(app, "LOWER(a.email)"))
    found = await rows(app, sql, [start_of(since), start_of(until), str(wanted)])
    return {row["day"]: Counts.share(row["counted"], row["seen"]) for row in found}


CHALLENGED = Measure(
    key="fraud_challenged",
    name="Checks of sign-ups that ask for proof",
    kind=Kind.SHARE,
    comparison=Comparison.AT_MOST,
    target=0.05,
    gather=partial(checks, decision=Decision.CHALLENGE),
)
BLOCKED = Measure(
    key="fraud_blocked",
    name="Checks of sign-ups that refuse",
    kind=Kind.SHARE,
    comparison=Comparison.AT_MOST,
    target=0.05,
    gather=partial(checks, decision=Decision.BLOCK),
)
FALSE_POSITIVES = Measure(
    key="fraud_false_positives",
    name="Reviewed cases that were no fraud",
    kind=Kind.SHARE,
    comparison=Comparison.AT_MOST,
    target=0.20,
    gather=dismissals,
)
