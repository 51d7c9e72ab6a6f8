"""Events of a subscription that are answered without executing them one by one (ADR 0025).

What a document selects is the same for each event, so graphql-core finds it once. Where that is nothing but plain
values, they are read and written as it would; everything else, and every value that is wrong, is left to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfoHelpers,
    get_nullable_type,
    is_enum_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import GroupedFieldSet, collect_fields, collect_subfields
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

MADE_OF = "strawberry-definition"
"""Where Strawberry leaves in graphql-core's objects what they were made of."""
PLAIN = {"Boolean", "DateTime", "Float", "ID", "Int", "String"}
"""Scalars that refuse what is not theirs, such as a value that is still to come."""

Read = Callable[[Any], Any]


class NotPlainError(Exception):
    """GraphQL itself has to tell what becomes of this."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is selected from each event: the root's name in the answer, the event's type, and what is read of it."""

    root: str
    kind: type
    reads: tuple[tuple[str, Read], ...]

    def answer(self, event: Any) -> dict[str, Any] | None:
        """The data of an event; None where GraphQL has to execute it."""
        if type(event) is not self.kind:
            return None
        try:
            return {self.root: {name: read(event) for name, read in self.reads}}
        except Exception:  # ruff: ignore[blind-except] -- GraphQL comes to the same fault, and tells of it
            return None


@dataclass(frozen=True, slots=True)
class Answered:
    """Stands for the executor of one event."""

    data: dict[str, Any]

    def execute_operation(self, _: bool | None = None) -> ExecutionResult:  # ruff: ignore[boolean-type-hint-positional-argument] -- graphql-core's signature
        """What an executor of this event would give."""
        return ExecutionResult(self.data)


class EventExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes operations as always, and events by their plan where there is one."""

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

    def build_per_event_executor(self, payload: Any) -> Any:
        """What answers this event."""
        if not self._planned:
            self._planned, self._plan = True, plan_of(self)
        data = self._plan.answer(payload) if self._plan else None
        return super().build_per_event_executor(payload) if data is None else Answered(data)


def plan_of(executor: Executor[Any]) -> Plan | None:
    """The plan of a subscription; None for one that selects more than plain values."""
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
    middlewares = executor.middleware_manager.middlewares if executor.middleware_manager else ()
    if middlewares or not is_object_type(kind) or kind.is_type_of:
        raise NotPlainError
    selected = collect_subfields(*given, operation, kind, details).grouped_field_set
    return Plan(root, kind.extensions[MADE_OF].origin, tuple(_reads(kind, selected)))


def _reads(kind: GraphQLObjectType, selected: GroupedFieldSet) -> Iterator[tuple[str, Read]]:
    for name, details in selected.items():
        field_name = details[0].node.name.value
        if field_name == "__typename":
            yield name, _constant(kind.name)
        else:
            yield name, _value(kind.fields[field_name])


def _constant(value: str) -> Read:
    return lambda _: value


def _value(field: GraphQLField) -> Read:
    """How a field is read and written. Raises NotPlainError."""
    made_of, leaf = field.extensions[MADE_OF], get_nullable_type(field.type)
    if not made_of.is_basic_field or not is_leaf_type(leaf) or not (is_enum_type(leaf) or leaf.name in PLAIN):
        raise NotPlainError
    attribute, write, required = made_of.python_name, leaf.coerce_output_value, is_non_null_type(field.type)

    def read(event: Any) -> Any:
        value = getattr(event, attribute)
        if value is not None:
            return write(value)
        if required:
            raise NotPlainError
        return None

    return read
