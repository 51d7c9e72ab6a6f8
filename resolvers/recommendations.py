"""Browsing, interests, and what was done with items."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.directives import Auth, Entitled, Public, RateLimit, guards
from schema.recommendations import (
    InteractionInput,
    Interest,
    ItemConnection,
    RecommendationConnection,
    RecordInteractionsPayload,
)
from services import recommendations
from services.pages import Page, page_of


@strawberry.type
class RecommendationsQuery:
    """The catalogue."""

    @strawberry.field(extensions=guards(Public()), description="Items in the catalogue's order.")
    async def items(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        search: Annotated[str | None, strawberry.argument(description="Words that an item holds, all of them.")] = None,
        categories: Annotated[list[str] | None, strawberry.argument(description="Keys of categories.")] = None,
    ) -> ItemConnection | None:
        page = page_of(first, after, last, before)
        return ItemConnection.of(
            await recommendations.items(info.context.app, page, search=search, categories=categories)
        )


@strawberry.type
class RecommendationsMutation:
    """What a person says and does."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Replace the viewer's stated interests.",
    )
    async def set_interests(
        self,
        info: Info,
        topics: Annotated[list[str], strawberry.argument(description="At most 20: categories, or any words.")],
    ) -> list[Interest] | None:
        viewer = info.context.signed_in
        found = await recommendations.set_interests(info.context.app, viewer.user.id, topics)
        return [Interest.of(row) for row in found]

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=120, window=60)),
        description="Record what the viewer did, each once. The next recommendations know of it.",
    )
    async def record_interactions(
        self,
        info: Info,
        interactions: Annotated[list[InteractionInput], strawberry.argument(description="From 1 to 100.")],
    ) -> RecordInteractionsPayload | None:
        events = [interaction.event() for interaction in interactions]
        done = await recommendations.record(info.context.app, info.context.signed_in.user.id, events)
        return RecordInteractionsPayload(accepted=done.accepted, duplicates=done.duplicates)


@strawberry.type
class RecommendationsSubscription:
    """What suits the viewer, live."""

    @strawberry.subscription(
        extensions=guards(Auth(), Entitled("recommendations"), RateLimit(max=60, window=60)),
        description="The viewer's recommendations: at once, and at each change of what we know of them.",
    )
    async def recommendations_changed(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> AsyncGenerator[RecommendationConnection | None, None]:
        return _live(info, page_of(first, after, last, before))


async def _live(info: Info, page: Page) -> AsyncGenerator[RecommendationConnection | None, None]:
    app, user_id = info.context.app, info.context.signed_in.user.id
    changes = app.recommendations_changed.changes(str(user_id))
    try:
        async for _ in changes:
            slate = await recommendations.recommend(app, user_id, page, recommendations.Filter())
            yield RecommendationConnection.of(slate)
    finally:
        await changes.aclose()
