"""Asking in one's own words."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.directives import Auth, Public, RateLimit, RateLimitKey, guards
from schema.intents import Intent
from schema.recommendations import Interest
from services.intents import accepting, resolving

Text = Annotated[str, strawberry.argument(description="In any words, at most 500 characters.")]


@strawberry.type
class IntentsQuery:
    """Utterances."""

    @strawberry.field(
        extensions=guards(Public(), RateLimit(max=30, window=60)),
        description="What somebody asks for, as one of a closed list. Nothing is done; the text is not kept.",
    )
    async def resolve_intent(
        self,
        info: Info,
        text: Text,
    ) -> Intent | None:
        viewer = info.context.viewer
        return Intent.of(await resolving.resolve(info.context.app, text, viewer.user if viewer else None))


@strawberry.type
class IntentsMutation:
    """What follows from utterances."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60, by=RateLimitKey.VIEWER)),
        description="Keep the interests that the viewer states in these words. None when they state none for sure.",
    )
    async def accept_intent(self, info: Info, text: Text) -> list[Interest] | None:
        found = await accepting.accept(info.context.app, info.context.signed_in.user, text)
        return [Interest.of(row) for row in found]
