"""Figures, as those who read them see them."""

import math
from datetime import datetime
from typing import Annotated

import strawberry

from schema.enums import described
from services.analytics import figures
from services.analytics.figures import funnels, kpis, retention
from services.analytics.figures.days import start_of

Since = Annotated[
    datetime | None,
    strawberry.argument(
        description="The first moment; its whole day in UTC counts. Without it, 90 days before `until`."
    ),
]
Until = Annotated[
    datetime | None,
    strawberry.argument(description="The last moment; its whole day in UTC counts. Without it, now. At most 400 days."),
]

KpiVerdict = described(
    figures.Verdict,
    "Whether a target is met.",
    {
        "MET": "The whole interval is on the right side of the target.",
        "MISSED": "The whole interval is on the wrong side of the target.",
        "NOT_ENOUGH_DATA": "The interval holds the target, or fewer than 30 were seen.",
    },
    name="KpiVerdict",
)
KpiComparison = described(
    figures.Comparison,
    "On which side of its target a figure should be.",
    {"AT_LEAST": "The target or more is right.", "AT_MOST": "The target or less is right."},
    name="KpiComparison",
)


@strawberry.type(description="One day of a figure.")
class KpiPoint:
    """A point of a series."""

    at: datetime = strawberry.field(description="The day's first moment, in UTC.")
    value: float | None = strawberry.field(description="The day's value; null where nothing was seen.")
    sample_size: int = strawberry.field(description="How many were seen.")


@strawberry.type(description="A figure with its target. `docs/kpis.md` defines each.")
class Kpi:
    """One figure."""

    key: str = strawberry.field(description="Names the figure.")
    name: str = strawberry.field(description="What it is, for people.")
    value: float | None = strawberry.field(
        description="The value; null where nothing was seen, or where it lies beyond what is measured."
    )
    target: float = strawberry.field(description="What it should be.")
    comparison: KpiComparison = strawberry.field(description="On which side of the target it should be.")  # type: ignore[valid-type]
    low: float | None = strawberry.field(
        description="The interval's lower end, with 95 % confidence; null where nothing bounds it."
    )
    high: float | None = strawberry.field(
        description="The interval's upper end, with 95 % confidence; null where nothing bounds it."
    )
    sample_size: int = strawberry.field(description="How many were seen.")
    pending: int = strawberry.field(description="How many belong to the same days and cannot be judged yet.")
    response_rate: float | None = strawberry.field(
        description="Which share of those who were asked has answered; null for what nobody is asked for."
    )
    verdict: KpiVerdict = strawberry.field(description="Whether the target is met.")  # type: ignore[valid-type]
    series: list[KpiPoint] = strawberry.field(description="Day by day, the oldest first.")

    @classmethod
    def of(cls, kpi: kpis.Kpi) -> "Kpi":
        """The figure as the API tells it."""
        counts, found = kpi.counts, kpi.estimate
        return cls(
            key=kpi.measure.key,
            name=kpi.measure.name,
            value=_finite(found.value),
            target=kpi.measure.target,
            comparison=kpi.measure.comparison,
            low=_finite(found.low),
            high=_finite(found.high),
            sample_size=counts.size,
            pending=counts.pending,
            response_rate=min(1.0, counts.size / counts.asked) if counts.asked else None,
            verdict=kpi.verdict,
            series=[
                KpiPoint(at=start_of(point.day), value=_finite(point.value), sample_size=point.size)
                for point in kpi.series
            ],
        )


@strawberry.type(description="A step of a funnel.")
class FunnelStep:
    """One step."""

    key: str = strawberry.field(description="Names the step.")
    count: int = strawberry.field(description="How many people came this far, by this step and all before it.")
    rate: float = strawberry.field(description="Which share of those at the first step that is; 0 where nobody was.")


@strawberry.type(description="How far people come. `docs/kpis.md` defines the steps.")
class Funnel:
    """One funnel."""

    key: str = strawberry.field(description="Names the funnel.")
    steps: list[FunnelStep] = strawberry.field(description="The steps, the first one first.")

    @classmethod
    def of(cls, funnel: funnels.Funnel) -> "Funnel":
        """The funnel as the API tells it."""
        steps = [FunnelStep(key=key, count=count, rate=funnel.rate(count)) for key, count in funnel.steps]
        return cls(key=funnel.key, steps=steps)


@strawberry.type(description="How many of a cohort were active in a week.")
class RetentionWeek:
    """A cell of the retention table."""

    week: int = strawberry.field(description="Weeks after that of the registration, which is 0.")
    active: int = strawberry.field(description="How many were active.")
    share: float = strawberry.field(description="Which share of the cohort that is; 0 of nobody.")


@strawberry.type(description="Those who registered in one week, and how many came back.")
class RetentionCohort:
    """A row of the retention table."""

    at: datetime = strawberry.field(description="The first moment of the week, a Monday in UTC.")
    size: int = strawberry.field(description="How many there were at the end of that week.")
    weeks: list[RetentionWeek] = strawberry.field(description="The weeks that are over, up to 26.")

    @classmethod
    def of(cls, cohort: retention.Cohort) -> "RetentionCohort":
        """The cohort as the API tells it."""
        weeks = [
            RetentionWeek(week=number, active=active, share=active / cohort.size if cohort.size else 0.0)
            for number, active in cohort.weeks
        ]
        return cls(at=start_of(cohort.monday), size=cohort.size, weeks=weeks)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
