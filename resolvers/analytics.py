"""What clients tell, and whether they may."""

from datetime import datetime
from typing import Annotated

import strawberry

from schema.accounts.user import User
from schema.analytics import TrackEventInput, TrackEventsPayload
from schema.context import Info
from schema.directives import Auth, RateLimit, RateLimitKey, guards
from services import analytics


@strawberry.type
class AnalyticsMutation:
    """Telling what the viewer does."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=120, window=60, by=RateLimitKey.VIEWER)),
        description="Tell what the viewer did, all of it or nothing. What is wrong is named by its place and field.",
    )
    async def track_events(
        self,
        info: Info,
        events: Annotated[list[TrackEventInput], strawberry.argument(description="From 1 to 500.")],
        sent_at: Annotated[
            datetime | None,
            strawberry.argument(description="Now, by the client's clock: it shows how wrong that one goes."),
        ] = None,
    ) -> TrackEventsPayload | None:
        context, told = info.context, [event.told() for event in events]
        return TrackEventsPayload.of(
            await analytics.track(context.app, context.signed_in, told, context.client, sent_at)
        )

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60, by=RateLimitKey.VIEWER)),
        description="Say whether `trackEvents` may write down what the viewer does. A no deletes what it has written.",
    )
    async def set_analytics_consent(
        self, info: Info, consent: Annotated[bool, strawberry.argument(description="Yes or no.")]
    ) -> User | None:
        context = info.context
        return User.of(await analytics.set_consent(context.app, context.signed_in, context.client, consents=consent))
