"""Guards: the directive that is printed is the object that enforces.

`guards(Public(), RateLimit(…))` gives a field its extensions in reading order: the first one is asked first.
Strawberry runs the extension that is listed last first, hence the reversal; a test pins it.
"""

import asyncio
from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Any

import strawberry
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.schema_directive import Location

from core.emails import email_key
from core.errors import Forbidden, NotEntitled, NotFound, RateLimited, Unauthenticated
from core.networks import network_of
from models.accounts import Role
from schema.context import Context
from schema.enums import described
from schema.guarding import Door, Guard
from services import access, entitlements, flags

STAFF_READS = 3600
"""Seconds for which a second factor opens what happened to other people."""
STAFF_CHANGES = 600
"""Seconds for which a second factor opens what changes something of other people's."""


class RateLimitKey(StrEnum):
    """What a limit counts by."""

    CLIENT = "CLIENT"
    VIEWER = "VIEWER"
    IP = "IP"
    ACCOUNT = "ACCOUNT"


described(
    RateLimitKey,
    "What a limit counts by.",
    {
        "CLIENT": "The viewer, and the network of who is nobody.",
        "VIEWER": "The viewer.",
        "IP": "The network: IPv4 /24, IPv6 /64.",
        "ACCOUNT": "The address in the input, however it is spelled.",
    },
)

_END = object()
"""What a subscription gives after its last event."""
ON_FIELDS = [Location.FIELD_DEFINITION]


@strawberry.schema_directive(locations=ON_FIELDS, name="public", description="Anybody may ask for this field.")
class PublicDirective:
    """`@public` in the printed schema."""


@strawberry.schema_directive(
    locations=ON_FIELDS, name="auth", description="Only a signed-in viewer with this role may ask for this field."
)
class AuthDirective:
    """`@auth` in the printed schema."""

    requires: Role = Role.USER
    assurance: int = 1
    max_age: int | None = strawberry.directive_field(name="maxAge", default=strawberry.UNSET)


@strawberry.schema_directive(
    locations=ON_FIELDS,
    name="rateLimit",
    description="At most `max` calls of this field in any `window` seconds.",
    repeatable=True,
)
class RateLimitDirective:
    """`@rateLimit` in the printed schema."""

    max: int
    window: int
    by: RateLimitKey = RateLimitKey.CLIENT


@strawberry.schema_directive(
    locations=ON_FIELDS, name="entitled", description="Only a viewer whose plan includes this feature may ask for this."
)
class EntitledDirective:
    """`@entitled` in the printed schema."""

    to: str


@strawberry.schema_directive(
    locations=ON_FIELDS, name="flag", description="Only who has this feature flag may ask for this: NOT_FOUND without."
)
class FlagDirective:
    """`@flag` in the printed schema."""

    key: str


class Public(Door):
    """Anybody may call."""

    def directive(self) -> object:
        return PublicDirective()

    async def check(self, context: Context, field: str, arguments: dict[str, Any]) -> None:
        pass


class Auth(Door):
    """Only a viewer who has the role may call, and has shown recently who they are where that is asked.

    `assurance` 2 is the strongest factor that the account has, used within `max_age` seconds; staff need a real second
    factor. A field that adds one (`adds_factor`) lets staff who have none yet pass with their password. Raises
    Unauthenticated, Forbidden, StepUpRequired.
    """

    def __init__(
        self,
        requires: Role = Role.USER,
        *,
        assurance: int = 1,
        max_age: int | None = None,
        adds_factor: bool = False,
    ) -> None:
        self.requires = requires
        self.assurance = assurance
        self.max_age = max_age
        self.adds_factor = adds_factor

    def directive(self) -> object:
        max_age = strawberry.UNSET if self.max_age is None else self.max_age
        return AuthDirective(requires=self.requires, assurance=self.assurance, max_age=max_age)

    async def check(self, context: Context, field: str, arguments: dict[str, Any]) -> None:
        viewer = context.viewer
        if viewer is None:
            raise Unauthenticated
        if not access.has_role(viewer.user, self.requires):
            raise Forbidden
        if self.assurance > 1:
            await context.require_assurance(self.max_age, adding_factor=self.adds_factor)


class RateLimit(Guard):
    """At most `max` calls in any `window` seconds, each call of the resolver counted: aliases buy nothing.

    Raises RateLimited with the seconds until the next call would pass.
    """

    def __init__(self, *, max: int, window: int, by: RateLimitKey = RateLimitKey.CLIENT) -> None:  # ruff: ignore[builtin-argument-shadowing] -- the contract's word
        self.max = max
        self.window = window
        self.by = by

    def directive(self) -> object:
        return RateLimitDirective(max=self.max, window=self.window, by=self.by)

    async def check(self, context: Context, field: str, arguments: dict[str, Any]) -> None:
        if not context.app.settings.rate_limits:
            return
        key = f"{field}:{self.window}:{_counted_by(self.by, context, arguments)}"
        retry_after = await context.app.limits.hit(key, limit=self.max, window=self.window)
        if retry_after > 0:
            raise RateLimited(retry_after)


class Entitled(Guard):
    """Only a viewer whose plan includes the feature may call. A subscription ends when the plan does not any more.

    No row is read where every plan includes the feature. The field's resolver is a coroutine. Raises Unauthenticated,
    NotEntitled.
    """

    def __init__(self, to: str) -> None:
        self.to = to

    def directive(self) -> object:
        return EntitledDirective(to=self.to)

    async def check(self, context: Context, field: str, arguments: dict[str, Any]) -> None:
        user_id = context.signed_in.user.id
        if entitlements.always_includes(context.app, self.to):
            return
        if context.changing:
            context.renew()  # a mutation before this one may have ended the trial
        held = await context.held_by(user_id)
        if not entitlements.plan_of(context.app, held, context.now).includes(self.to):
            raise NotEntitled(self.to)

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        result = await super().resolve_async(next_, source, info, **kwargs)
        if not isinstance(result, AsyncGenerator) or entitlements.always_includes(info.context.app, self.to):
            return result
        return self._while_entitled(info.context, result)

    async def _while_entitled(self, context: Context, events: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        lapse = asyncio.ensure_future(entitlements.lapse(context.app, context.signed_in.user.id, self.to))
        event = asyncio.ensure_future(anext(events, _END))
        try:
            while True:
                await asyncio.wait({lapse, event}, return_when=asyncio.FIRST_COMPLETED)
                if lapse.done():
                    lapse.result()
                    raise NotEntitled(self.to)
                if event.result() is _END:
                    return
                yield event.result()
                event = asyncio.ensure_future(anext(events, _END))
        finally:
            lapse.cancel()
            event.cancel()
            await asyncio.gather(lapse, event, return_exceptions=True)
            await events.aclose()


class Flag(Guard):
    """Only who has the flag may call: for everybody else there is no such field. A subscription is asked when it opens.

    Raises NotFound.
    """

    def __init__(self, key: str) -> None:
        self.key = key

    def directive(self) -> object:
        return FlagDirective(key=self.key)

    async def check(self, context: Context, field: str, arguments: dict[str, Any]) -> None:
        user = context.viewer.user if context.viewer else None
        if not await flags.is_on(context.app, self.key, user, context.plan_key):
            raise NotFound


def guards(*ordered: Guard) -> list[FieldExtension]:
    """The guards as a field's extensions, the first one asked first."""
    return list(reversed(ordered))


def _counted_by(by: RateLimitKey, context: Context, arguments: dict[str, Any]) -> str:
    viewer, network = context.viewer, network_of(context.client.ip)
    if by is RateLimitKey.ACCOUNT:
        return f"account:{email_key(_address_in(arguments))}"
    if by is RateLimitKey.IP or viewer is None:
        return f"network:{network}"
    return f"user:{viewer.user.id}"


def _address_in(arguments: dict[str, Any]) -> str:
    address = arguments.get("email") or getattr(arguments.get("input"), "email", "")
    return str(address)
