"""What happened to accounts, as their owners and administrators read it."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from core.cursors import encode_id
from core.errors import NotFound
from models.audit import AuditEvent as AuditEventRow
from schema.connections import PageInfo, cursor_by_id
from schema.context import Context, Info
from schema.directives import STAFF_READS
from schema.nodes import Node
from services.access import Permission
from services.pages import Rows

if TYPE_CHECKING:
    from schema.accounts import User


@strawberry.type(description="Something that happened to an account.")
class AuditEvent(Node):
    """One event of the log."""

    action: str = strawberry.field(description="What happened, such as `account.signed_in`.")
    subject: str | None = strawberry.field(description="What it was done to, as type and number.")
    at: datetime = strawberry.field(description="When.")
    data: JSON = strawberry.field(description="More about it, by kind of event.")
    actor_id: strawberry.Private[int | None]
    address: strawberry.Private[str | None]

    @strawberry.field(
        description="Who did it; null for the system, for who had not signed in, and for staff unless one may see them."
    )
    async def actor(self, info: Info) -> Annotated["User", strawberry.lazy("schema.accounts")] | None:
        from schema.accounts import User  # ruff: ignore[import-outside-top-level] -- edges cross nouns lazily

        if self.actor_id is None or not _tells_of(info.context, self.actor_id):
            return None
        row = await info.context.loaders.user_by_id.load(self.actor_id)
        return User.of(row) if row else None

    @strawberry.field(description="From where it was done; null for acts of staff, unless one may see them.")
    def ip(self, info: Info) -> str | None:
        return self.address if self.actor_id is None or _tells_of(info.context, self.actor_id) else None

    @classmethod
    def of(cls, row: AuditEventRow) -> "AuditEvent":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("AuditEvent", row.id)),
            action=row.action,
            subject=row.subject,
            at=row.at,
            data=row.data,
            actor_id=row.actor_id,
            address=row.ip,
        )


@strawberry.type(description="An event in its place.")
class AuditEventEdge:
    """An edge of `auditEvents`."""

    cursor: str = strawberry.field(description="The event's place.")
    node: AuditEvent = strawberry.field(description="The event.")


@strawberry.type(description="A page of events.")
class AuditEventConnection:
    """Events, the newest first."""

    edges: list[AuditEventEdge] = strawberry.field(description="The events.")
    page_info: PageInfo = strawberry.field(description="What lies beyond.")
    total_count: int = strawberry.field(description="How many there are in all.")

    @classmethod
    def of(cls, page: Rows[AuditEventRow], total: int) -> "AuditEventConnection":
        """The page as the API tells it."""
        edges = [AuditEventEdge(cursor=cursor_by_id(row), node=AuditEvent.of(row)) for row in page.rows]
        return cls(edges=edges, page_info=PageInfo.by_id(page), total_count=total)


async def require_sight_of_events(context: Context, user_id: int | None) -> None:
    """Raise unless these are the viewer's own events, or the viewer reads the log and has used a second factor.

    Raises NotFound, StepUpRequired.
    """
    if user_id is not None and context.is_viewer(user_id):
        return
    if not context.may(Permission.READ_AUDIT):
        raise NotFound
    await context.require_assurance(STAFF_READS)


def _tells_of(context: Context, actor_id: int) -> bool:
    return context.is_viewer(actor_id) or context.may(Permission.READ_USERS)
