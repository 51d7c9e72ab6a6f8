"""Saying how satisfied one is."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.directives import Auth, RateLimit, RateLimitKey, guards
from schema.feedback import SubmitFeedbackInput, SubmitFeedbackPayload
from services import feedback


@strawberry.type
class FeedbackMutation:
    """Answers."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=20, window=3600, by=RateLimitKey.VIEWER)),
        description="Say how satisfied the viewer is. One answer of each window of 30 days counts, the first.",
    )
    async def submit_feedback(
        self,
        info: Info,
        input: Annotated[SubmitFeedbackInput, strawberry.argument(description="The answer.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> SubmitFeedbackPayload | None:
        context = info.context
        accepted = await feedback.submit(context.app, context.signed_in.user.id, input.answer())
        return SubmitFeedbackPayload(accepted=accepted)
