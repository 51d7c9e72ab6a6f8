"""Events of a subscription, answered by what is known of its document (ADR 0025, ADR 0055).

What a document selects is the same for each event. Where that is nothing but plain values, they are read, written and
go straight to whoever listens. Elsewhere the compiled plan runs with the event as its root, from the second event of
a document on. Every value that is wrong, and all that neither knows, is left to graphql-core.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLResolveInfoHelpers,
    OperationType,
    get_nullable_type,
    type_from_ast,
)
from graphql.execution import Executor
from graphql.execution.executor import default_field_resolver, default_type_resolver
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.operations import operation_of
from engine.plain import Plain, plain_of
from engine.plans import Plan, compiled

THRESHOLD = 2
"""The event of an operation at which its plan is compiled."""

Deliver: TypeAlias = Callable[[bytes], Awaitable[None] | None]
"""Takes the data of an event as JSON; what it gives, if anything, has to be awaited before the next."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Stands for the executor of one event."""

    data: dict[str, Any]

    def execute_operation(self, _: bool | None = None) -> ExecutionResult:  # ruff: ignore[boolean-type-hint-positional-argument] -- graphql-core's signature
        """What an executor of this event would give."""
        return ExecutionResult(self.data)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The same, where the plan has to run."""

    plan: Plan
    executor: "EventExecutor"
    event: Any

    def execute_operation(self, _: bool | None = None) -> Any:  # ruff: ignore[boolean-type-hint-positional-argument] -- as above
        """What an executor of this event would give."""
        executor = self.executor
        return self.plan.run(
            root_value=self.event,
            context_value=executor.context_value,
            variable_values=executor.variable_values,
            serially=False,
            operation_extensions=executor.operation_extensions,
        )


class EventExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes operations as always, and events by what is known of them.

    A context that has an attribute `deliver` (see `Deliver`) that is not None takes the events that are plain itself:
    nobody else hears of them.
    """

    compiled = True
    """Whether events that are not plain are compiled."""
    _known: "Known | None" = None
    _is_event = False

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Made for who asks, and not kept: its methods would hold the executor that holds it.

        Then nothing of an operation that is over could be freed before Python looks for cycles.
        """
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _: GraphQLResolveInfoHelpers) -> None:
        pass

    @property
    def known(self) -> "Known":
        """What is known of this subscription's events."""
        if self._known is None:
            self._known = known_of(self)
        return self._known

    def cancellable_iterable(self, iterable: AsyncIterable[Any]) -> AsyncIterable[Any]:
        """What is left of a subscription's events to be mapped to results; any other iterable as it is."""
        found = super().cancellable_iterable(iterable)
        if self._is_event or self.operation.operation is not OperationType.SUBSCRIPTION:
            return found
        context, plain = self.context_value, self.known.plain
        if plain is None or not hasattr(context, "deliver") or not isinstance(found, AsyncGenerator):
            return found
        return undelivered(found, plain, context)

    def build_per_event_executor(self, payload: Any) -> Any:
        """What answers this event."""
        known = self.known
        data = known.plain.answer(payload) if known.plain else None
        if data is not None:
            return Answered(data)
        if self.compiled and (plan := known.plan(self)) is not None:
            return Compiled(plan, self, payload)
        executor = super().build_per_event_executor(payload)
        executor._is_event = True  # type: ignore[attr-defined]  # ruff: ignore[private-member-access] -- of this class
        return executor


class InterpretedEvents(EventExecutor):
    """Leaves to graphql-core whatever is not plain."""

    compiled = False


async def undelivered(events: AsyncGenerator[Any], plain: Plain, context: Any) -> AsyncGenerator[Any]:
    """Deliver what is plain, and give what is left."""
    try:
        async for event in events:
            deliver: Deliver | None = context.deliver
            data = plain.encode(event) if deliver else None
            if deliver is None or data is None:
                yield event
            elif (delivering := deliver(data)) is not None:
                await delivering
    finally:
        await events.aclose()


class Known:
    """What is known of an operation: its subscribers share it, and it goes with the last of them."""

    def __init__(self, executor: Executor[Any], *, usual: bool) -> None:
        self._held = executor.schema, executor.operation  # nothing else gets the numbers that this is found by
        self._usual = usual
        self._executed = 0
        self._plan: Plan | None = None
        self.plain: Plain | None = None
        if self._usual:
            with suppress(Exception):  # GraphQL comes to the same fault, and tells of it
                self.plain = plain_of(executor)

    def plan(self, executor: "EventExecutor") -> Plan | None:
        """The compiled plan of an event; None where graphql-core has to execute it."""
        self._executed += 1
        if self._executed == THRESHOLD and self._usual:
            with suppress(Exception):  # as above
                self._plan = _compiled(executor)
        return self._plan


_known: WeakValueDictionary[tuple[Any, ...], Known] = WeakValueDictionary()


def known_of(executor: Executor[Any]) -> Known:
    """What is known of an operation with these values of what `@skip` and `@include` may ask for.

    A document that was parsed once is one object, and so is its operation. Where anything about it is odd, nothing is
    known, and its events are left to graphql-core.
    """
    try:
        usual = _is_usual(executor)
        key = id(executor.schema), id(executor.operation), usual, *_conditions(executor)
        known = _known.get(key)
        if known is None:
            known = _known[key] = Known(executor, usual=usual)
    except Exception:  # ruff: ignore[blind-except] -- what is only to save time must not end a subscription
        known = Known(executor, usual=False)
    return known


def _is_usual(executor: Executor[Any]) -> bool:
    """Whether nobody looks at each field, or resolves it in a way of their own."""
    watched = executor.middleware_manager is not None and executor.middleware_manager.middlewares
    own = executor.field_resolver is not default_field_resolver or executor.type_resolver is not default_type_resolver
    return not watched and not own and executor.abort_signal is None and executor.hooks is None


def _conditions(executor: Executor[Any]) -> Iterator[Any]:
    """The values of all variables that can be a condition, in the order of the document."""
    for definition in executor.operation.variable_definitions or ():
        kind: Any = type_from_ast(executor.schema, definition.type)
        if getattr(get_nullable_type(kind), "name", None) == "Boolean":  # a list cannot be a condition
            yield executor.variable_values.coerced.get(definition.variable.name.value)


def _compiled(executor: EventExecutor) -> Plan:
    """The plan of this operation's events. Raises Unsupported."""
    document = DocumentNode(definitions=(executor.operation, *executor.fragment_definitions.values()))
    operation = operation_of(executor.schema, document, None)
    operation.variant(executor.variable_values.coerced)
    return compiled(operation, executor.variable_values, StrawberryGraphQLCoreExecutionContext, executor.is_awaitable)
