"""Days whose counts can change no more are written down, so that they outlive accounts and events."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.figures import DepartedTrial, KpiDay
from services.analytics.figures.days import DAY, LONGEST, Window, start_of
from services.analytics.figures.measure import Counts
from services.analytics.figures.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from services.analytics.figures.measure import Measure
    from services.app import App

FREEZE = "figures.freeze"
BATCH = 1000
"""Days that one statement writes."""

Frozen = dict[str, dict["date", Counts]]


async def freeze(app: App, _: dict[str, Any]) -> None:
    """Write down every day that is final and not written yet: a recurring job. Twice is as once."""
    today = app.clock.now().date()
    first = await User.all().order_by("created_at").first()
    if first is None:
        return
    await DepartedTrial.filter(day__lt=today - LONGEST * DAY).delete()
    window = Window(max(first.created_at.date(), today - LONGEST * DAY), today)
    known = await frozen_days(window)
    for measure in MEASURES:
        await KpiDay.bulk_create(await _final(app, measure, window, known[measure.key]), BATCH, ignore_conflicts=True)


async def frozen_days(window: Window) -> Frozen:
    """The counts of the days that are written down, by measure and day. One statement."""
    found: Frozen = defaultdict(dict)
    for row in await KpiDay.filter(day__gte=window.since, day__lt=window.until):
        found[row.key][row.day] = Counts.of_json(row.counts)
    return found


async def counts_by_day(
    app: App, measure: Measure, days: Sequence[date], frozen: dict[date, Counts]
) -> dict[date, Counts]:
    """The counts of each day: those that are frozen, and from the first other day on those of today's rows."""
    live = [day for day in days if day not in frozen]
    gathered = await measure.gather(app, live[0], live[-1] + DAY) if live else {}
    return {day: frozen.get(day) or gathered.get(day) or Counts() for day in days}


async def _final(app: App, measure: Measure, window: Window, frozen: dict[date, Counts]) -> list[KpiDay]:
    """Days of one measure that are final and not frozen yet."""
    now = app.clock.now()
    days = [day for day in window.days if day not in frozen and start_of(day) + DAY + measure.settles <= now]
    found = await counts_by_day(app, measure, days, {})
    return [
        KpiDay(key=measure.key, day=day, counts=counts.as_json(), frozen_at=now)
        for day, counts in found.items()
        if counts.settled and not counts.pending
    ]
