"""Keeping a session alive."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.directives import Public, RateLimit, guards
from schema.sessions import RefreshSessionResult, RefreshSessionSuccess, Tokens
from services import sessions


@strawberry.type
class SessionsMutation:
    """Refreshing."""

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=120, window=60)),
        description="Exchange a refresh token for its successors. Safe to repeat for 30 seconds.",
    )
    async def refresh_session(
        self,
        info: Info,
        refresh_token: Annotated[str | None, strawberry.argument(description="The token of the last answer.")] = None,
    ) -> RefreshSessionResult | None:
        tokens = await sessions.refresh(info.context.app, refresh_token or "")
        return RefreshSessionSuccess(tokens=Tokens.of(tokens))
