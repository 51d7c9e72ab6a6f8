"""Which letters somebody wants."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.directives import Auth, RateLimit, RateLimitKey, guards
from schema.notifications import (
    NotificationPreference,
    NotificationPreferenceInput,
    SetNotificationPreferencesResult,
    SetNotificationPreferencesSuccess,
)
from services.notifications import preferences


@strawberry.type
class NotificationsMutation:
    """What an owner says about letters."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60, by=RateLimitKey.VIEWER)),
        description="Switch letters of some topics on or off for the viewer. What is not named stays.",
    )
    async def set_notification_preferences(
        self,
        info: Info,
        preferences_: Annotated[
            list[NotificationPreferenceInput],
            strawberry.argument(name="preferences", description="Each topic at most once."),
        ],
    ) -> SetNotificationPreferencesResult | None:
        context = info.context
        wanted = [(each.topic, each.enabled) for each in preferences_]
        changed = await preferences.change(context.app, context.signed_in, wanted, context.client)
        return SetNotificationPreferencesSuccess(preferences=[NotificationPreference.of(each) for each in changed])
