"""Every figure with its target, how sure it is, and whether the target is met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.analytics.figures.days import window_of
from services.analytics.figures.freezing import counts_by_day, frozen_days
from services.analytics.figures.measure import Counts, added
from services.analytics.figures.measures import MEASURES
from services.analytics.figures.statistics import Estimate, Verdict, estimate, value_of, verdict

if TYPE_CHECKING:
    from datetime import date, datetime

    from services.analytics.figures.measure import Measure
    from services.app import App


@dataclass(frozen=True)
class Point:
    """One day of a figure."""

    day: date
    value: float | None
    size: int


@dataclass(frozen=True)
class Kpi:
    """A figure of a window: of all its days together, and day by day."""

    measure: Measure
    counts: Counts
    estimate: Estimate
    verdict: Verdict
    series: tuple[Point, ...]


async def kpis(app: App, since: datetime | None, until: datetime | None) -> list[Kpi]:
    """All figures of the days from `since` to `until`. One statement, and at most one for each. Raises BadUserInput."""
    window = window_of(since, until, app.clock.now())
    frozen = await frozen_days(window)
    return [
        kpi_of(measure, await counts_by_day(app, measure, window.days, frozen[measure.key])) for measure in MEASURES
    ]


def kpi_of(measure: Measure, days: dict[date, Counts]) -> Kpi:
    """A figure of the counts of days."""
    counts = added(days.values())
    found = estimate(measure, counts)
    return Kpi(
        measure=measure,
        counts=counts,
        estimate=found,
        verdict=verdict(found, measure.target, measure.comparison),
        series=tuple(Point(day, value_of(measure, each), each.size) for day, each in days.items()),
    )
