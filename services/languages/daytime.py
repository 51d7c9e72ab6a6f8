"""What time it is where somebody reads: letters that nobody waits for come by day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

MORNING, EVENING, LATE = 9, 20, 19
"""Letters are due from 9 to 20 h where their reader is. What would be later, or too early, is due at 19 h before that:
an hour is left for a second try, and nobody is reminded later than promised."""
ONE_DAY = timedelta(days=1)


def zone_of(timezone: str | None) -> tzinfo:
    """The zone of a name; UTC for one that is unknown."""
    try:
        return ZoneInfo(timezone) if timezone else UTC
    except (LookupError, OSError, ValueError):
        return UTC


def is_day(moment: datetime, zone: tzinfo) -> bool:
    """Whether it is from 9 to 20 h in `zone`."""
    return MORNING <= moment.astimezone(zone).hour < EVENING


def by_day(moment: datetime, zone: tzinfo) -> datetime:
    """The last moment, not after `moment`, at which it is from 9 to 20 h in `zone`; in the evening it is 19 h.

    A day that a zone leaves out, as Samoa did when it moved across the date line, has no evening.
    """
    if is_day(moment, zone):
        return moment
    evening = _at(moment, zone, LATE)
    while evening > moment:
        evening = _at(evening - ONE_DAY, zone, LATE)
    return evening


def next_morning(moment: datetime, zone: tzinfo) -> datetime:
    """The first moment after `moment` at which it is 9 h in `zone`."""
    morning = _at(moment, zone, MORNING)
    while morning <= moment:
        morning = _at(morning + ONE_DAY, zone, MORNING)
    return morning


def days_until(moment: datetime, now: datetime, zone: tzinfo) -> int:
    """How many midnights of `zone` lie between: 0 is today, 1 tomorrow."""
    return (moment.astimezone(zone).date() - now.astimezone(zone).date()).days


def _at(moment: datetime, zone: tzinfo, hour: int) -> datetime:
    """That hour of the moment's own day in `zone`, in UTC."""
    return datetime.combine(moment.astimezone(zone).date(), time(hour), zone).astimezone(UTC)
