"""How long events are kept: what a day came to stays, the events themselves go."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from models.analytics import Event, EventDay
from services.analytics.client_events import CLIENT_NAMES, SERVER_NAMES
from services.analytics.names import Name
from services.analytics.tracking import OLDEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.app import App

ROLL = "events.roll"
PRUNE = "events.prune"
CLIENT_EVENTS_KEPT = timedelta(days=90)
SERVER_EVENTS_KEPT = timedelta(days=400)
"""Thirteen months, to compare one with that of last year."""
BATCH = 10_000
"""Events that one statement deletes."""
BATCHES = 50
"""Statements of one job, so that it ends before its lease; the next one goes on."""
_DAY = timedelta(days=1)
_ROLL = """
INSERT INTO event_days (day, name, count, users)
SELECT {day}, name, count(*), count(DISTINCT user_id) FROM events
WHERE name IN ({names}) AND at >= $2 AND at < $3 GROUP BY name
ON CONFLICT (day, name) DO UPDATE SET count = excluded.count, users = excluded.users
"""
_GIVEN_DAY = {"postgres": "$1::date", "sqlite": "date($1)"}
_PRUNE = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE name IN ({names}) AND at < $1 LIMIT $2)"


async def roll(app: App, _: dict[str, Any]) -> None:
    """Count the events of each day that is over, anew for those in which one may still have come late.

    Days that no job has counted are made up for, the oldest first, each by itself: who is stopped has done some for
    good. Doing it twice, or twice at once, is once.
    """
    today = app.clock.now().date()
    day = await _first_to_count(today)
    while day < today:
        await _count(app, day)
        day += _DAY


async def prune(app: App, _: dict[str, Any]) -> None:
    """Forget what clients have told after 90 days and what the server wrote after 400, once their days are counted."""
    last = await EventDay.all().order_by("-day").first()
    if last is None:
        return
    now = app.clock.now()
    for names, kept in ((CLIENT_NAMES, CLIENT_EVENTS_KEPT), (SERVER_NAMES, SERVER_EVENTS_KEPT)):
        before = _moment(app, min((now - kept).date(), last.day + _DAY))
        sql = _PRUNE.format(names=_listed(names))
        for _batch in range(BATCHES):
            if await app.database.execute(sql, [before, BATCH]) < BATCH:
                break


async def _count(app: App, day: date) -> None:
    sql = _ROLL.format(day=_GIVEN_DAY[app.database.dialect], names=_listed(Name))
    given = day if app.database.dialect == "postgres" else day.isoformat()
    async with app.database.transaction():
        await EventDay.filter(day=day).delete()
        await app.database.execute(sql, [given, _moment(app, day), _moment(app, day + _DAY)])


async def _first_to_count(today: date) -> date:
    """The first day whose count may be wrong or missing: today when there is no event."""
    last = await EventDay.all().order_by("-day").first()
    still_open = today - OLDEST - _DAY
    if last is not None:
        return min(still_open, last.day + _DAY)
    first = await Event.all().order_by("at").first()
    return first.at.astimezone(UTC).date() if first else today


def _moment(app: App, day: date) -> datetime | str:
    """The beginning of a day, as the database compares it."""
    moment = datetime.combine(day, time(), UTC)
    return moment if app.database.dialect == "postgres" else moment.isoformat(" ")


def _listed(names: Iterable[Name]) -> str:
    """Names as SQL lists them: with them the index on name and moment is used."""
    return ", ".join(f"'{name}'" for name in sorted(names))
