"""The schedule, for administrators."""

import strawberry

from models.accounts import Role
from schema.context import Info
from schema.directives import STAFF_READS, Auth, RateLimit, guards
from schema.schedule import ScheduledJob
from services import schedule


@strawberry.type
class ScheduleQuery:
    """What happens again and again."""

    @strawberry.field(
        extensions=guards(Auth(Role.ADMIN, assurance=2, max_age=STAFF_READS), RateLimit(max=120, window=60)),
        description="What happens again and again, with how it last went, by name.",
    )
    async def scheduled_jobs(self, info: Info) -> list[ScheduledJob] | None:
        return [ScheduledJob.of(row) for row in await schedule.overview(info.context.app)]
