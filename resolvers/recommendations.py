"""Browsing, interests, and what was done with items."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from schema.accounts import User
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.directives import Auth, Entitled, Public, RateLimit, RateLimitKey, guards
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
        description="Replace the viewer's stated interests, and those alone. What was erased is an interest again.",
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
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Let one of the viewer's interests count as much as they say, whatever is learnt later.",
    )
    async def weigh_interest(
        self,
        info: Info,
        topic: Annotated[str, strawberry.argument(description="Its topic.")],
        weight: Annotated[float, strawberry.argument(description="Above 0 and at most 1.")],
    ) -> list[Interest] | None:
        user_id = info.context.signed_in.user.id
        found = await recommendations.weigh_interest(info.context.app, user_id, topic, weight)
        return [Interest.of(row) for row in found]

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Erase a topic, wherever it came from. It is not learnt again until the viewer states it.",
    )
    async def remove_interest(
        self, info: Info, topic: Annotated[str, strawberry.argument(description="The topic.")]
    ) -> list[Interest] | None:
        found = await recommendations.remove_interest(info.context.app, info.context.signed_in.user.id, topic)
        return [Interest.of(row) for row in found]

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=30, window=60, by=RateLimitKey.VIEWER)),
        description="Say whether what the viewer does may be kept and used to find what suits them.",
    )
    async def set_personalization(
        self,
        info: Info,
        enabled: Annotated[bool, strawberry.argument(description="Yes or no.")],
        erase: Annotated[
            bool | None, strawberry.argument(description="Forget as well what has been learnt until now.")
        ] = None,
    ) -> User | None:
        app, viewer, client = info.context.app, info.context.signed_in, info.context.client
        changed = recommendations.set_personalization(app, viewer, client, enabled=enabled, erase=bool(erase))
        return User.of(await changed)

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
        return RecordInteractionsPayload(accepted=done.accepted, duplicates=done.duplicates, ignored=done.ignored)


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
