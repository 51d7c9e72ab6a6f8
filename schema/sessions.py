"""Tokens and refreshing them."""

from datetime import datetime
from typing import Annotated

import strawberry

from core.errors import Refusal
from schema.context import Context
from schema.errors import Error
from services import sessions


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
