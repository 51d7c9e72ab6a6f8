"""How fast answers come, and whether they do: from what each process has counted by the minute."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from models.measuring import AnswerOutcome
from services.analytics.figures.days import DAY, start_of
from services.analytics.figures.measure import Comparison, Counts, Kind, Measure
from services.measuring import BUCKETS_MS, Transport, minute_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.app import App

    Tally = Counter[tuple[AnswerOutcome, int]]

DAY_MINUTES = 1440
ASKED = (Transport.HTTP, Transport.REST)
"""Ways in where a request has one answer, whose time is measured."""
SOCKETS = (Transport.WEBSOCKET, Transport.STREAM)
"""Ways in over which an operation may have many answers."""
ABSENT = frozenset({AnswerOutcome.UNAVAILABLE, AnswerOutcome.FAILED})
"""Answers that were none: 5xx or UNAVAILABLE."""
FAULTY = ABSENT | {AnswerOutcome.INTERNAL}
LATE = timedelta(days=1)
"""How long a process may hold on to its counts when the database is away."""

_COUNTS = """
SELECT minute / 1440 AS number, outcome, within_ms, SUM(count) AS answers FROM request_minutes
WHERE minute >= $1 AND minute < $2 AND transport IN ({})
GROUP BY minute / 1440, outcome, within_ms
"""


async def times(app: App, since: date, until: date) -> dict[date, Counts]:
    """How long the answers of each day took, in milliseconds, but for those that were none. One statement."""
    return await _by_day(app, since, until, ASKED, _times)


async def shares(
    app: App, since: date, until: date, *, transports: tuple[Transport, ...], outcomes: frozenset[AnswerOutcome]
) -> dict[date, Counts]:
    """Of the answers of each day, how many went in one of these ways. One statement."""
    return await _by_day(app, since, until, transports, partial(_share, outcomes))


async def _by_day(
    app: App, since: date, until: date, transports: tuple[Transport, ...], counts: Callable[[Tally], Counts]
) -> dict[date, Counts]:
    places = ", ".join(f"${number}" for number in range(3, 3 + len(transports)))
    values = [minute_of(start_of(since)), minute_of(start_of(until)), *map(str, transports)]
    tallies: dict[date, Tally] = defaultdict(Counter)
    for row in await app.database.rows(_COUNTS.format(places), values):
        day = (datetime.fromtimestamp(0, UTC) + row["number"] * DAY).date()
        tallies[day][AnswerOutcome(row["outcome"]), row["within_ms"]] += int(row["answers"])
    return {day: counts(tally) for day, tally in tallies.items()}


def _times(tally: Tally) -> Counts:
    values = dict.fromkeys(map(float, BUCKETS_MS), 0)
    for (outcome, within_ms), answers in tally.items():
        if outcome not in ABSENT:
            values[float(within_ms)] += answers
    return Counts(values)


def _share(outcomes: frozenset[AnswerOutcome], tally: Tally) -> Counts:
    counted = sum(answers for (outcome, _), answers in tally.items() if outcome in outcomes)
    return Counts.share(counted, tally.total())


LATENCY = Measure(
    key="latency_p95",
    name="Time within which 95 of 100 answers come, in milliseconds",
    kind=Kind.QUANTILE,
    comparison=Comparison.AT_MOST,
    target=500.0,
    gather=times,
    quantile=0.95,
    settles=LATE,
)
ERROR_RATE = Measure(
    key="error_rate",
    name="Answers with a fault of ours",
    kind=Kind.SHARE,
    comparison=Comparison.AT_MOST,
    target=0.001,
    gather=partial(shares, transports=ASKED, outcomes=FAULTY),
    settles=LATE,
)
AVAILABILITY = Measure(
    key="availability",
    name="Requests that were answered",
    kind=Kind.SHARE,
    comparison=Comparison.AT_LEAST,
    target=0.9999,
    gather=partial(shares, transports=ASKED, outcomes=frozenset(AnswerOutcome) - ABSENT),
    settles=LATE,
)
SOCKET_AVAILABILITY = Measure(
    key="socket_availability",
    name="Openings and operations of sockets that were answered",
    kind=Kind.SHARE,
    comparison=Comparison.AT_LEAST,
    target=0.999,
    gather=partial(shares, transports=SOCKETS, outcomes=frozenset(AnswerOutcome) - ABSENT),
    settles=LATE,
)
