"""Asking in one's own words."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.directives import Public, RateLimit, guards
from schema.intents import Intent
from services.intents import resolving


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
        text: Annotated[str, strawberry.argument(description="In any words, at most 500 characters.")],
    ) -> Intent | None:
        viewer = info.context.viewer
        return Intent.of(await resolving.resolve(info.context.app, text, viewer.user if viewer else None))
