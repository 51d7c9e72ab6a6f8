"""Hooks of extensions: the same, in the same order and with the same faults, as Strawberry's own runner has them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.types.execution import ExecutionContext

from engine.hooks import KnownHooks, hooks_of

EVENTS: list[str] = []


def failing() -> Iterator[None]:
    raise ValueError("before")


class Told(SchemaExtension):
    """Hooks of both kinds, in each step, and a result of its own."""

    def on_operation(self) -> Iterator[None]:
        EVENTS.append("operation")
        yield
        EVENTS.append("operation ended")

    async def on_parse(self) -> AsyncIterator[None]:
        EVENTS.append("parse")
        yield
        EVENTS.append(f"parsed {self.execution_context.graphql_document is not None}")

    def on_validate(self) -> Iterator[None]:
        EVENTS.append("validate")
        yield
        EVENTS.append(f"validated {self.execution_context.pre_execution_errors}")

    async def on_execute(self) -> AsyncIterator[None]:
        EVENTS.append("execute")
        yield
        EVENTS.append(f"executed {self.execution_context.result is not None}")

    def get_results(self) -> dict[str, Any]:
        return {"told": len(EVENTS)}


class Plain(SchemaExtension):
    """Functions that are no generators."""

    def on_operation(self) -> None:  # type: ignore[override]
        EVENTS.append("plain")

    async def on_execute(self) -> None:  # type: ignore[override]
        EVENTS.append("plain, awaited")


class Empty(SchemaExtension):
    """No hook at all."""


class Swallowing(SchemaExtension):
    """Keeps quiet about what fails within."""

    async def on_operation(self) -> AsyncIterator[None]:
        try:
            yield
        except ValueError:
            EVENTS.append("swallowed")

    def on_execute(self) -> Iterator[None]:
        with suppress(ValueError):
            yield


class FailsBefore(SchemaExtension):
    """Never gets to the step."""

    def on_parse(self) -> Iterator[None]:
        yield from failing()


class FailsAfter(SchemaExtension):
    """Fails when the step is done."""

    async def on_execute(self) -> AsyncIterator[None]:
        yield
        raise ValueError("after")


@strawberry.type
class Query:
    """One field."""

    @strawberry.field
    async def a(self) -> int:
        EVENTS.append("resolved")
        return 1


class Hooked(strawberry.Schema):
    """With our runner."""

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> SchemaExtensionsRunner:
        return KnownHooks(execution_context, extensions)


async def told(schema: strawberry.Schema, document: str) -> tuple[Any, ...]:
    """What becomes of a document, and what was heard meanwhile."""
    EVENTS.clear()
    result = await schema.execute(document)
    errors = [(error.message, type(error.original_error)) for error in result.errors or ()]
    return type(result), result.data, errors, result.extensions, list(EVENTS)


@pytest.mark.parametrize(
    "extensions",
    [
        [],
        [Told],
        [Told, Empty, Told],
        [Plain, Told],
        [Swallowing],
        [Swallowing, Told],
        [Told, Swallowing, FailsBefore],
        [FailsBefore],
        [Told, FailsAfter],
        [Swallowing, FailsAfter, Told],
        [FailsAfter],
    ],
)
async def test_hooks_run_as_strawberry_runs_them(extensions: list[type[SchemaExtension]]) -> None:
    """Whether a step goes well, is refused, or a hook fails."""
    theirs, ours = (kind(Query, extensions=extensions) for kind in (strawberry.Schema, Hooked))
    for document in ("{ a }", "{ b }", "{"):
        assert await told(ours, document) == await told(theirs, document), document
        assert await told(ours, document) == await told(theirs, document), document


def test_hooks_are_looked_up_once() -> None:
    """For a set of extensions; only those that an extension has, and none where Strawberry has to wrap one."""
    hooks = hooks_of("on_execute", (Empty, Told, Swallowing))
    assert hooks is not None
    assert [(hook.place, hook.waits) for hook in hooks] == [(1, True), (2, False)]
    assert hooks_of("on_execute", (Empty, Told, Swallowing)) is hooks
    assert hooks_of("on_operation", (Told, Plain)) is None


class Cleaning(SchemaExtension):
    """A hook that has something to end."""

    async def on_execute(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            EVENTS.append("cleaned")


class Breaking(SchemaExtension):
    """A hook that fails before its step."""

    async def on_execute(self) -> AsyncIterator[None]:
        EVENTS.append("breaks")
        if EVENTS:
            raise ValueError("before")
        yield


async def test_a_hook_that_fails_ends_those_before_it() -> None:
    """At once, and not when they are collected."""
    EVENTS.clear()
    step = KnownHooks(None, [Cleaning(), Breaking()]).executing()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="before"):
        async with step:
            EVENTS.append("executes")
    assert EVENTS == ["breaks", "cleaned"]
