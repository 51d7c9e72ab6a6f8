"""Events of a subscription that are answered without executing them one by one (ADR 0025, ADR 0055).

What a document selects is the same for each event, so graphql-core finds it once. Where that is nothing but plain
values, they are read and written as it would, and go straight to whoever listens; everything else, and every value
that is wrong, is left to it.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, TypeAlias

import orjson
from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    ExecutionResult,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
    type_from_ast,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import GroupedFieldSet, collect_fields, collect_subfields
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

MADE_OF = "strawberry-definition"
"""Where Strawberry leaves in graphql-core's objects what they were made of."""
PLAIN = {"Boolean", "DateTime", "Float", "ID", "Int", "String"}
"""Scalars that refuse what is not theirs, such as a value that is still to come."""
KNOWN = 256
"""Plans that are kept: a few kilobytes each, with the document that each is of."""

_NOTHING = object()

Write: TypeAlias = Callable[[Any], Any]
Deliver: TypeAlias = Callable[[bytes], Awaitable[None] | None]
"""Takes the data of an event as JSON; what it gives, if anything, has to be awaited before the next."""


class NotPlainError(Exception):
    """GraphQL itself has to tell what becomes of this."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is selected from each event: the root's name in the answer, the event's type, and what is read of it."""

    root: str
    kind: type
    names: tuple[str, ...]
    read: Callable[[Any], tuple[Any, ...]]
    writes: tuple[Write, ...]

    def answer(self, event: Any) -> dict[str, Any] | None:
        """The data of an event; None where GraphQL has to execute it."""
        if type(event) is not self.kind:
            return None
        try:
            values = zip(self.names, self.writes, self.read(event), strict=True)
            return {self.root: {name: write(value) for name, write, value in values}}
        except Exception:  # ruff: ignore[blind-except] -- GraphQL comes to the same fault, and tells of it
            return None

    def encode(self, event: Any) -> bytes | None:
        """The same as JSON."""
        data = self.answer(event)
        try:
            return None if data is None else orjson.dumps(data)
        except orjson.JSONEncodeError:
            return None


@dataclass(frozen=True, slots=True)
class Answered:
    """Stands for the executor of one event."""

    data: dict[str, Any]

    def execute_operation(self, _: bool | None = None) -> ExecutionResult:  # ruff: ignore[boolean-type-hint-positional-argument] -- graphql-core's signature
        """What an executor of this event would give."""
        return ExecutionResult(self.data)


class EventExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes operations as always, and events by their plan where there is one.

    A context that has an attribute `deliver` (see `Deliver`) that is not None takes the events that a plan can answer
    itself: nobody else hears of them.
    """

    _planned = False
    _plan: Plan | None = None

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
    def plan(self) -> Plan | None:
        """The plan of this subscription's events; None where GraphQL has to execute them."""
        if not self._planned:
            self._planned, self._plan = True, plan_of(self)
        return self._plan

    def cancellable_iterable(self, iterable: AsyncIterable[Any]) -> AsyncIterable[Any]:
        """The events that are left to map to results."""
        events = super().cancellable_iterable(iterable)
        context = self.context_value
        if hasattr(context, "deliver") and isinstance(events, AsyncGenerator) and (plan := self.plan):
            return undelivered(events, plan, context)
        return events

    def build_per_event_executor(self, payload: Any) -> Any:
        """What answers this event."""
        data = self.plan.answer(payload) if self.plan else None
        return super().build_per_event_executor(payload) if data is None else Answered(data)


async def undelivered(events: AsyncGenerator[Any], plan: Plan, context: Any) -> AsyncGenerator[Any]:
    """Deliver what a plan can answer, and give what is left."""
    try:
        async for event in events:
            deliver: Deliver | None = context.deliver
            data = plan.encode(event) if deliver else None
            if deliver is None or data is None:
                yield event
            elif (delivering := deliver(data)) is not None:
                await delivering
    finally:
        await events.aclose()


class Plans:
    """The plans of the operations that were subscribed to most recently: many subscribers share one.

    A document that was parsed once is one object, and so is its operation; both are held for as long as they are known
    here, so that their numbers stay theirs.
    """

    def __init__(self, limit: int = KNOWN) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[Any, ...], tuple[GraphQLSchema, OperationDefinitionNode, Plan | None]]
        self._known = OrderedDict()

    def of(self, executor: Executor[Any]) -> Plan | None:
        """The plan of an operation with these values of what `@skip` and `@include` may ask for."""
        schema, operation = executor.schema, executor.operation
        key = (id(schema), id(operation), *_conditions(executor))
        found = self._known.pop(key, None) or (schema, operation, _plan_or_none(executor))
        self._known[key] = found
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
        return found[2]


_plans = Plans()


def plan_of(executor: Executor[Any]) -> Plan | None:
    """The plan of a subscription; None for one that selects more than plain values, or is watched."""
    watched = executor.middleware_manager is not None and executor.middleware_manager.middlewares
    return None if watched else _plans.of(executor)


def _conditions(executor: Executor[Any]) -> Iterator[Any]:
    for definition in executor.operation.variable_definitions or ():
        kind = type_from_ast(executor.schema, definition.type)
        if kind is not None and get_named_type(kind).name == "Boolean":
            yield executor.variable_values.coerced.get(definition.variable.name.value)


def _plan_or_none(executor: Executor[Any]) -> Plan | None:
    try:
        return _planned(executor)
    except Exception:  # ruff: ignore[blind-except] -- as above
        return None


def _planned(executor: Executor[Any]) -> Plan:
    schema, operation = executor.schema, executor.operation
    given = (schema, executor.fragments, executor.variable_values)
    root_type = schema.subscription_type
    assert root_type is not None
    ((root, details),) = collect_fields(*given, root_type, operation).grouped_field_set.items()
    kind = get_nullable_type(root_type.fields[details[0].node.name.value].type)
    if not is_object_type(kind) or kind.is_type_of:
        raise NotPlainError
    selected = collect_subfields(*given, operation, kind, details).grouped_field_set
    names, attributes, writes = zip(*_fields(kind, selected), strict=True)
    return Plan(root, kind.extensions[MADE_OF].origin, names, _reading(attributes), writes)


def _reading(attributes: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What reads these attributes: all of them in one go."""
    if len(attributes) == 1:
        (only,) = attributes
        return lambda event: (getattr(event, only),)
    return attrgetter(*attributes)


def _fields(kind: GraphQLObjectType, selected: GroupedFieldSet) -> Iterator[tuple[str, str, Write]]:
    """Of each field its name in the answer, the attribute that it reads and how that is written."""
    for name, details in selected.items():
        field_name = details[0].node.name.value
        if field_name == "__typename":
            yield name, "__class__", _constant(kind.name)
        else:
            yield name, *_field(kind.fields[field_name])


def _constant(value: str) -> Write:
    return lambda _: value


def _field(field: GraphQLField) -> tuple[str, Write]:
    """The attribute of a field and how it is written. Raises NotPlainError."""
    made_of, leaf = field.extensions[MADE_OF], get_nullable_type(field.type)
    if not made_of.is_basic_field or not is_leaf_type(leaf) or not (is_enum_type(leaf) or leaf.name in PLAIN):
        raise NotPlainError
    write = _nullable(leaf.coerce_output_value, required=is_non_null_type(field.type))
    if is_enum_type(leaf) or leaf.name == "DateTime":
        write = _remembering(write)
    elif leaf.name == "Int":
        write = _whole(write)
    return made_of.python_name, write


def _nullable(write: Write, *, required: bool) -> Write:
    def written(value: Any) -> Any:
        if value is not None:
            return write(value)
        if required:
            raise NotPlainError
        return None

    return written


def _whole(write: Write) -> Write:
    """Writes numbers that need no other look, as they are."""
    return lambda value: value if type(value) is int and GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT else write(value)


def _remembering(write: Write) -> Write:
    """Remembers the last value: the ticks of a moment have it in common, and most are of one status."""
    last: Any = _NOTHING
    written: Any = None

    def remembered(value: Any) -> Any:
        nonlocal last, written
        if value is last:
            return written
        result = write(value)
        if type(value) is datetime or isinstance(value, Enum):
            last, written = value, result
        return result

    return remembered
