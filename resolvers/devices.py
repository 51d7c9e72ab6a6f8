"""Forgetting devices."""

from typing import Annotated

import strawberry

from core.cursors import decode_int_id
from schema.context import Info
from schema.directives import Auth, RateLimit, guards
from services import sessions


@strawberry.type
class DevicesMutation:
    """What an owner does with devices."""

    @strawberry.mutation(
        extensions=guards(Auth(), RateLimit(max=60, window=60)),
        description="Forget a device of the viewer and end its sessions, the present one too when it is its own.",
    )
    async def forget_device(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The device.")],  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
    ) -> bool | None:
        context = info.context
        await sessions.forget_device(context.app, context.signed_in, decode_int_id(id, "Device"), context.client)
        return True
