"""Telling of first steps."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.directives import Auth, RateLimit, RateLimitKey, guards
from schema.onboarding import Onboarding, onboarding_of_user
from services import onboarding


@strawberry.type
class OnboardingMutation:
    """Steps that clients tell of."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60, by=RateLimitKey.VIEWER)),
        description="Mark a first step as done. One that is not `told` is done by what it asks for alone.",
    )
    async def complete_onboarding_step(
        self, info: Info, key: Annotated[str, strawberry.argument(description="The step's key.")]
    ) -> Onboarding | None:
        user_id = info.context.signed_in.user.id
        await onboarding.tell(info.context.app, user_id, key)
        return await onboarding_of_user(user_id, info)
