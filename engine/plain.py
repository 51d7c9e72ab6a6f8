"""Events of which a document selects nothing but plain values: read and written as graphql-core would."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, TypeAlias

import orjson
from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLField,
    GraphQLObjectType,
    get_nullable_type,
    is_enum_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import GroupedFieldSet, collect_fields, collect_subfields

from engine.objects import MADE_OF

PLAIN = {"Boolean", "DateTime", "Float", "ID", "Int", "String"}
"""Scalars that refuse what is not theirs, such as a value that is still to come."""
_NOTHING = object()

Write: TypeAlias = Callable[[Any], Any]


class NotPlainError(Exception):
    """GraphQL itself has to tell what becomes of this."""


@dataclass(frozen=True, slots=True)
class Plain:
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


def plain_of(executor: Executor[Any]) -> Plain:
    """How the events of a subscription are read. Raises NotPlainError, or whatever comes of what was not foreseen."""
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
    return Plain(root, kind.extensions[MADE_OF].origin, names, _reading(attributes), writes)


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
