"""Figures, for those who read them."""

from typing import Annotated

import strawberry

from models.accounts import Role
from schema.context import Info
from schema.directives import STAFF_READS, Auth, RateLimit, guards
from schema.figures import Funnel, Kpi, RetentionCohort, Since, Until
from schema.recommendation_figures import RecommendationFigure
from services.analytics.figures import funnels, kpis, retention
from services.recommendations import outcomes


@strawberry.type
class FiguresQuery:
    """How the product does."""

    @strawberry.field(
        extensions=guards(Auth(Role.ANALYST, assurance=2, max_age=STAFF_READS), RateLimit(max=30, window=60)),
        description="Every figure with its target, how sure it is, and whether the target is met.",
    )
    async def kpis(self, info: Info, since: Since = None, until: Until = None) -> list[Kpi] | None:
        return [Kpi.of(kpi) for kpi in await kpis.kpis(info.context.app, since, until)]

    @strawberry.field(
        extensions=guards(Auth(Role.ANALYST, assurance=2, max_age=STAFF_READS), RateLimit(max=30, window=60)),
        description="How far those came who registered in a span of time.",
    )
    async def funnel(
        self,
        info: Info,
        key: Annotated[str, strawberry.argument(description="`signup_to_paid` or `onboarding`.")],
        since: Since = None,
        until: Until = None,
    ) -> Funnel | None:
        return Funnel.of(await funnels.funnel(info.context.app, key, since, until))

    @strawberry.field(
        extensions=guards(Auth(Role.ANALYST, assurance=2, max_age=STAFF_READS), RateLimit(max=30, window=60)),
        description="Week by week, how many of those who registered in a span of time came back.",
    )
    async def retention(self, info: Info, since: Since = None, until: Until = None) -> list[RetentionCohort] | None:
        return [RetentionCohort.of(cohort) for cohort in await retention.retention(info.context.app, since, until)]

    @strawberry.field(
        extensions=guards(Auth(Role.ANALYST, assurance=2, max_age=STAFF_READS), RateLimit(max=30, window=60)),
        description="How often what was recommended was seen and opened, by strategy and slot.",
    )
    async def recommendation_figures(
        self, info: Info, since: Since = None, until: Until = None
    ) -> list[RecommendationFigure] | None:
        return [RecommendationFigure.of(each) for each in await outcomes.figures(info.context.app, since, until)]
