"""Sessions, their tokens, and refreshing them."""

from datetime import datetime
from typing import Annotated

import strawberry

from core.cursors import encode_id
from core.errors import Refusal
from models.sessions import Session as SessionRow
from schema.connections import PageInfo, cursor_by_id
from schema.context import Context, Info
from schema.devices import Device, device_by_id
from schema.errors import Error
from schema.nodes import Node
from services import sessions
from services.access import Viewer
from services.pages import Rows


@strawberry.type(description="What a client holds to act as the viewer.")
class Tokens:
    """A pair of tokens."""

    access_token: str = strawberry.field(description="For the header `Authorization: Bearer …`.")
    access_token_expires_at: datetime = strawberry.field(description="Ten minutes after it was made.")
    refresh_token: str = strawberry.field(description="For `refreshSession`, once; keep it secret.")
    refresh_token_expires_at: datetime = strawberry.field(description="When the session ends unless it is refreshed.")
    token_type: str = strawberry.field(description="`Bearer`.")

    @classmethod
    def handed(cls, context: Context, tokens: sessions.Tokens) -> "Tokens | None":
        """The tokens as the API tells them; None when cookies carry them."""
        if context.cookies is not None:
            context.cookies.keep(tokens)
            return None
        return cls(
            access_token=tokens.access_token,
            access_token_expires_at=tokens.access_token_expires_at,
            refresh_token=tokens.refresh_token,
            refresh_token_expires_at=tokens.refresh_token_expires_at,
            token_type=tokens.token_type,
        )


@strawberry.type(description="A sign-in that lasts.")
class Session(Node):
    """A session as its owner sees it."""

    ip: str | None = strawberry.field(description="The address that it was last refreshed from.")
    location: str | None = strawberry.field(
        description="The country of that address, in English, as the registries of addresses have it."
    )
    current: bool = strawberry.field(description="Whether this request belongs to it.")
    created_at: datetime = strawberry.field(description="When it began.")
    last_seen_at: datetime = strawberry.field(description="When it was last used, to the minute.")
    expires_at: datetime = strawberry.field(description="When it ends unless it is refreshed before.")
    device_pk: strawberry.Private[int | None]

    @strawberry.field(description="The device that signed in; null once it is forgotten.")
    async def device(self, info: Info) -> Device | None:
        return await device_by_id(self.device_pk, info)

    @classmethod
    def of(cls, row: SessionRow, viewer: Viewer | None) -> "Session":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("Session", row.id)),
            ip=row.ip,
            location=row.location,
            current=viewer is not None and viewer.session.id == row.id,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at or row.created_at,
            expires_at=sessions.refreshable_until(row),
            device_pk=row.device_id,
        )


@strawberry.type(description="A session in its place.")
class SessionEdge:
    """An edge of `sessions`."""

    cursor: str = strawberry.field(description="The session's place.")
    node: Session = strawberry.field(description="The session.")


@strawberry.type(description="A page of sessions.")
class SessionConnection:
    """A user's standing sessions, those that began last first."""

    edges: list[SessionEdge] = strawberry.field(description="The sessions.")
    page_info: PageInfo = strawberry.field(description="What lies beyond.")
    owner: strawberry.Private[int]

    @strawberry.field(description="How many sessions of the user stand.")
    async def total_count(self, info: Info) -> int:
        return await sessions.count_of_user(info.context.app, self.owner)

    @classmethod
    def of(cls, page: Rows[SessionRow], owner: int, viewer: Viewer | None) -> "SessionConnection":
        """The page as the API tells it."""
        edges = [SessionEdge(cursor=cursor_by_id(row), node=Session.of(row, viewer)) for row in page.rows]
        return cls(edges=edges, page_info=PageInfo.by_id(page), owner=owner)


@strawberry.type(description="The session goes on.")
class RefreshSessionSuccess:
    """What `refreshSession` gives."""

    tokens: Tokens | None = strawberry.field(description="The successors of the token that was used.")


@strawberry.type(description="The token is forged, expired or of another kind.")
class InvalidToken(Error):
    """A token that proves nothing."""


@strawberry.type(description="The session has ended.")
class SessionRevoked(Error):
    """A session that was ended, or ends now because an old token came back."""


RefreshSessionResult = Annotated[
    RefreshSessionSuccess | InvalidToken | SessionRevoked,
    strawberry.union("RefreshSessionResult", description="What `refreshSession` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {
    sessions.InvalidToken: InvalidToken,
    sessions.SessionRevoked: SessionRevoked,
}
