"""Guards: the directive that is printed is the object that enforces.

`guards(Public(), RateLimit(…))` gives a field its extensions in reading order: the first one is asked first.
Strawberry runs the extension that is listed last first, hence the reversal; a test pins it.
"""

import inspect
from abc import ABC, abstractmethod
from enum import StrEnum
from functools import cached_property
from typing import Any

import strawberry
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from core.emails import email_key
from core.errors import Forbidden, RateLimited, Unauthenticated
from core.networks import network_of
from models.accounts import Role
from schema.context import Context
from schema.enums import described
from services import access


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


class Guard(FieldExtension, ABC):
    """Appends its directive to the field, and lets a call pass or raises a Rejection."""

    @abstractmethod
    def directive(self) -> object:
        """What the schema prints."""

    @abstractmethod
    async def check(self, context: Context, field: str, arguments: dict[str, Any]) -> None:
        """Return to let the call pass. Raises Rejection."""

    def apply(self, field: StrawberryField) -> None:
        """Called by each schema that is built: a second one in the process finds the directive there."""
        if not any(directive is self.printed for directive in field.directives):
            field.directives = [self.printed, *field.directives]

    @cached_property
    def printed(self) -> object:
        """The one directive of this guard."""
        return self.directive()

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        await self.check(info.context, info.field_name, kwargs)
        result: Any = next_(source, info, **kwargs)
        return await result if inspect.isawaitable(result) else result


class Public(Guard):
    """Anybody may call."""

    def directive(self) -> object:
        return PublicDirective()

    async def check(self, context: Context, field: str, arguments: dict[str, Any]) -> None:
        pass


class Auth(Guard):
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
