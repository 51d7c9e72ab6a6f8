"""Whether trials are bought: by the day on which they began, once their end and the time to pay have passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from models.figures import DepartedTrial
from services.analytics.figures.days import DAY, day_of, moment, rows, start_of, within
from services.analytics.figures.measure import Comparison, Counts, Kind, Measure
from services.analytics.figures.people import counts

if TYPE_CHECKING:
    from datetime import date

    from services.app import App

TO_PAY = timedelta(hours=72)
"""How long after its end a trial can still become a purchase, for the figures."""
TO_LEARN = timedelta(hours=48)
"""How long after that the provider may still tell us of a payment: what was missed is looked for each night."""
_HOURS = int(TO_PAY.total_seconds() // 3600)

_OUTCOMES = """
WITH lines (plan, line) AS (VALUES {lines}),
counted AS (
  SELECT t.id, t.user_id, t.started_at, t.ends_at, t.charge_failed_at, COALESCE(l.line, t.plan_key) AS line
  FROM trials t JOIN users u ON u.id = t.user_id LEFT JOIN lines l ON l.plan = t.plan_key
  WHERE {which} AND {people}
),
billed AS (
  SELECT c.id, MIN(CASE WHEN i.status = 'PAID' THEN i.paid_at END) AS paid_at,
         MIN(CASE WHEN i.status <> 'DRAFT' THEN i.created_at END) AS asked_at
  FROM counted c JOIN invoices i ON i.user_id = c.user_id AND i.total > 0
  JOIN plan_subscriptions s ON s.provider_id = i.subscription_provider_id
  LEFT JOIN lines l ON l.plan = s.plan_key
  WHERE COALESCE(l.line, s.plan_key) = c.line
  GROUP BY c.id
),
judged AS (
  SELECT c.id, c.user_id, c.started_at, c.ends_at,
         COALESCE({in_time}, FALSE) AND b.paid_at >= c.started_at AS paid,
         NOT COALESCE({in_time}, FALSE) AND (COALESCE({asked}, FALSE) OR COALESCE({failed}, FALSE)) AS failed
  FROM counted c LEFT JOIN billed b ON b.id = c.id
)
"""
"""Trials with what became of them, by the first paid invoice of more than nothing of their plan's line."""

_EACH = "SELECT started_at, ends_at, paid, failed FROM judged"
_BY_DAY = """,
cohorts AS (
  SELECT {day} AS day, ends_at <= $3 AS is_judged, ends_at > $7 AS is_fresh, paid, failed FROM judged
  UNION ALL SELECT day, counts_on <= $6, counts_on > $6, paid, failed FROM departed_trials WHERE day >= $4 AND day < $5
)
SELECT day,
       COUNT(*) FILTER (WHERE is_judged) AS judged,
       COUNT(*) FILTER (WHERE is_judged AND paid) AS paid,
       COUNT(*) FILTER (WHERE is_judged AND failed) AS failed,
       COUNT(*) FILTER (WHERE NOT is_judged) AS pending,
       COUNT(*) FILTER (WHERE is_fresh) AS fresh
FROM cohorts GROUP BY day
"""


async def conversions(app: App, since: date, until: date) -> dict[date, Counts]:
    """Of the trials that began on each day, how many were bought. One statement."""
    found = await _outcomes(app, since, until)
    return {row["day"]: _counts(row, row["paid"], row["judged"]) for row in found}


async def first_payment_failures(app: App, since: date, until: date) -> dict[date, Counts]:
    """Of the trials whose first payment was asked for, how many did not get it in time. One statement."""
    found = await _outcomes(app, since, until)
    return {row["day"]: _counts(row, row["failed"], row["failed"] + row["paid"]) for row in found}


def outcomes(app: App, which: str) -> str:
    """The tables of trials with what became of them, in SQL; `which` is a condition on `trials t`."""
    lines = ", ".join(f"('{plan.key}', '{plan.line}')" for plan in app.catalogue.plans.values())
    return _OUTCOMES.format(
        lines=lines,
        which=which,
        people=counts(app, "u"),
        in_time=within(app, "b.paid_at", "c.ends_at", _HOURS),
        asked=within(app, "b.asked_at", "c.ends_at", _HOURS),
        failed=within(app, "c.charge_failed_at", "c.ends_at", _HOURS),
    )


async def depart(app: App, user_id: int) -> None:
    """Keep what became of the trial of an account that is being deleted, inside the caller's transaction.

    Before anything of the account goes. Two statements.
    """
    for row in await app.database.rows(outcomes(app, "t.user_id = $1") + _EACH, [user_id]):
        started_at, ends_at = (moment(row[name]) for name in ("started_at", "ends_at"))
        await DepartedTrial.create(
            day=started_at.date(),
            counts_on=(ends_at + TO_PAY).date() + DAY,
            paid=bool(row["paid"]),
            failed=bool(row["failed"]),
        )


async def _outcomes(app: App, since: date, until: date) -> list[dict[str, Any]]:
    now = app.clock.now()
    sql = outcomes(app, "t.started_at >= $1 AND t.started_at < $2") + _BY_DAY.format(day=day_of(app, "started_at"))
    judged = now - TO_PAY
    values = [start_of(since), start_of(until), judged, since, until, now.date(), judged - TO_LEARN]
    return await rows(app, sql, values)


def _counts(row: dict[str, Any], successes: int, total: int) -> Counts:
    return replace(Counts.share(successes, total, pending=row["pending"]), settled=not row["fresh"])


CONVERSION = Measure(
    key="trial_conversion",
    name="Trials that are bought",
    kind=Kind.SHARE,
    comparison=Comparison.AT_LEAST,
    target=0.40,
    gather=conversions,
)
FIRST_PAYMENT_FAILURES = Measure(
    key="first_payment_failures",
    name="First payments that fail",
    kind=Kind.SHARE,
    comparison=Comparison.AT_MOST,
    target=0.10,
    gather=first_payment_failures,
)
