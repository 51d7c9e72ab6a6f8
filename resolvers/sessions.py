"""Keeping a session alive, ending sessions, and hearing of their end."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from core.cursors import decode_int_id
from models.sessions import Session as SessionRow
from schema.context import Context, Info
from schema.directives import Auth, Public, RateLimit, guards
from schema.sessions import RefreshSessionResult, RefreshSessionSuccess, Session, Tokens
from services import sessions


@strawberry.type
class SessionsMutation:
    """Refreshing and ending."""

    @strawberry.mutation(
        extensions=guards(Public(), RateLimit(max=1200, window=60)),
        description="Exchange a refresh token for its successors. Safe to repeat for 30 seconds; later, for a day, "
        "once, from the same device, when no successor was used. Any other repeat ends the session.",
    )
    async def refresh_session(
        self,
        info: Info,
        refresh_token: Annotated[str | None, strawberry.argument(description="The token of the last answer.")] = None,
        device_token: Annotated[
            str | None, strawberry.argument(description="That of the sign-in: it lets a late repeat pass.")
        ] = None,
    ) -> RefreshSessionResult | None:
        context = info.context
        if context.cookies is not None:
            refresh_token, device_token = context.cookies.refresh, context.cookies.device
        tokens = await sessions.refresh(
            context.app, refresh_token or "", device_token=device_token, client=context.client
        )
        return RefreshSessionSuccess(tokens=Tokens.handed(context, tokens))

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="End one of the viewer's sessions, wherever it is used, within five seconds.",
    )
    async def revoke_session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The session.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> bool | None:
        context = info.context
        await sessions.revoke_by_id(context.app, context.signed_in, decode_int_id(id, "Session"), context.client)
        return True

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="End all sessions of the viewer but the present one; how many those were.",
    )
    async def revoke_other_sessions(self, info: Info) -> int | None:
        return await sessions.revoke_others(info.context.app, info.context.signed_in, info.context.client)


@strawberry.type
class SessionsSubscription:
    """Ends of sessions, live."""

    @strawberry.subscription(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Each session of the viewer that is ended, wherever that happens. The socket of the session itself "
        "closes with 4401 instead.",
    )
    async def session_revoked(self, info: Info) -> AsyncGenerator[Session | None, None]:
        ends = await sessions.watch(info.context.app, info.context.signed_in.user.id)
        return _as_types(info.context, ends)


async def _as_types(context: Context, ends: AsyncGenerator[SessionRow, None]) -> AsyncGenerator[Session | None, None]:
    try:
        async for row in ends:
            yield Session.of(row, context.viewer)
    finally:
        await ends.aclose()
