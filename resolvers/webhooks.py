"""The inbox of the payment provider's events, for administrators."""

from typing import Annotated

import strawberry

from core.cursors import decode_int_id
from models.accounts import Role
from schema.connections import After, Before, First, Last
from schema.context import Info
from schema.directives import STAFF_CHANGES, STAFF_READS, Auth, RateLimit, guards
from schema.webhooks import WebhookEvent, WebhookEventConnection, WebhookState
from services.billing import replaying
from services.pages import page_of


@strawberry.type
class WebhooksQuery:
    """What there is to look at."""

    @strawberry.field(
        extensions=guards(Auth(Role.ADMIN, assurance=2, max_age=STAFF_READS), RateLimit(max=120, window=60)),
        description="Events that the payment provider has told, the newest first.",
    )
    async def webhook_events(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        state: Annotated[
            WebhookState | None,
            strawberry.argument(description="Events of which this became alone."),
        ] = None,
    ) -> WebhookEventConnection | None:
        page = page_of(first, after, last, before)
        found = await replaying.page_of_events(info.context.signed_in.user, page, state=state)
        return WebhookEventConnection.of(*found)


@strawberry.type
class WebhooksMutation:
    """Looking again."""

    @strawberry.mutation(
        extensions=guards(Auth(Role.ADMIN, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Look into an event again, whatever became of it: the provider is asked for what it is about.",
    )
    async def replay_webhook_event(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The event.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> WebhookEvent | None:
        context, number = info.context, decode_int_id(id, "WebhookEvent")
        row = await replaying.replay(context.app, number, actor=context.signed_in.user, client=context.client)
        return WebhookEvent.of(row)
