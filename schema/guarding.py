"""What every guard of a root field does, and what is measured and traced of the field."""

import inspect
from abc import ABC, abstractmethod
from functools import cached_property
from time import perf_counter
from typing import Any

import strawberry
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension
from strawberry.types.field import StrawberryField

from schema.context import Context
from schema.errors import reason_of


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


class Door(Guard):
    """The guard that each root field has: what is measured of the field is measured here."""

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        app, root, begun = info.context.app, info._raw_info.parent_type.name, perf_counter()  # ruff: ignore[private-member-access] -- Strawberry tells no other way
        tracing = app.ports.tracing
        try:
            if tracing is None:
                return await super().resolve_async(next_, source, info, **kwargs)
            with tracing.span(f"{root}.{info.field_name}"):
                return await super().resolve_async(next_, source, info, **kwargs)
        except Exception as error:
            app.metrics.field_failures.labels(root, info.field_name, reason_of(error)).inc()
            raise
        finally:
            app.metrics.resolved(root, info.field_name, perf_counter() - begun)
