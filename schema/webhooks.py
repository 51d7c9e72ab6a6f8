"""What the payment provider has told, as administrators see it."""

from datetime import datetime

import strawberry

from core.cursors import encode_id
from core.errors import NotFound
from models.billing import WebhookEvent as WebhookEventRow
from models.billing import WebhookState as WebhookStateRow
from schema.connections import PageInfo, cursor_by_id
from schema.context import Context
from schema.directives import STAFF_READS
from schema.enums import described
from schema.nodes import Node
from services.access import Permission
from services.pages import Rows

WebhookState = described(
    WebhookStateRow,
    "What became of an event.",
    {
        "RECEIVED": "It waits to be looked into, or to be tried again.",
        "DONE": "It has been looked into, or there was nothing to look at.",
        "PARKED": "Of another mode or version than ours, or about nobody's customer.",
        "DEAD": "Every attempt has failed.",
    },
    name="WebhookState",
)


@strawberry.type(description="An event that the payment provider has told us.")
class WebhookEvent(Node):
    """One event, without its text, which may name people."""

    event_id: str = strawberry.field(description="Names it with the provider.")
    type: str = strawberry.field(description="What happened, in the provider's words.")
    object_id: str | None = strawberry.field(description="The subscription or the invoice that is looked at for it.")
    api_version: str | None = strawberry.field(description="The version of the provider's API that it is written in.")
    state: WebhookState = strawberry.field(description="What became of it.")  # type: ignore[valid-type]
    attempts: int = strawberry.field(description="How often looking into it has failed.")
    error: str | None = strawberry.field(description="Why it failed, or was parked.")
    created_at: datetime = strawberry.field(description="When the provider made it.")
    received_at: datetime = strawberry.field(description="When it came, or was last replayed.")

    @classmethod
    def of(cls, row: WebhookEventRow) -> "WebhookEvent":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("WebhookEvent", row.id)),
            event_id=row.event_id,
            type=row.type,
            object_id=row.object_id,
            api_version=row.api_version,
            state=row.state,
            attempts=row.attempts,
            error=row.error,
            created_at=row.created_at,
            received_at=row.received_at,
        )


@strawberry.type(description="An event in its place.")
class WebhookEventEdge:
    """An edge of `webhookEvents`."""

    cursor: str = strawberry.field(description="The event's place.")
    node: WebhookEvent = strawberry.field(description="The event.")


@strawberry.type(description="A page of events.")
class WebhookEventConnection:
    """Events, the newest first."""

    edges: list[WebhookEventEdge] = strawberry.field(description="The events.")
    page_info: PageInfo = strawberry.field(description="What lies beyond.")
    total_count: int = strawberry.field(description="How many there are in all.")

    @classmethod
    def of(cls, page: Rows[WebhookEventRow], total: int) -> "WebhookEventConnection":
        """The page as the API tells it."""
        edges = [WebhookEventEdge(cursor=cursor_by_id(row), node=WebhookEvent.of(row)) for row in page.rows]
        return cls(edges=edges, page_info=PageInfo.by_id(page), total_count=total)


async def require_sight_of_webhooks(context: Context) -> None:
    """Raise unless the viewer replays events and has used a second factor. Raises NotFound, StepUpRequired."""
    if not context.may(Permission.REPLAY_WEBHOOKS):
        raise NotFound
    await context.require_assurance(STAFF_READS)
