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
        context = info.context
        token = context.cookies.refresh if context.cookies else refresh_token
        return RefreshSessionSuccess(tokens=Tokens.handed(context, await sessions.refresh(context.app, token or "")))
