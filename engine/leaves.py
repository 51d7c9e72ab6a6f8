"""How values of scalars and enums are recognised as right, and written."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import inf
from typing import Any
from uuid import UUID

from graphql import GraphQLLeafType, GraphQLScalarType
from graphql.type.scalars import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    serialize_boolean,
    serialize_float,
    serialize_id,
    serialize_int,
    serialize_string,
)
from strawberry.schema.schema_converter import CustomGraphQLEnumType
from strawberry.schema.types.base_scalars import isoformat

from engine.names import Names
from engine.writing.values import Value

PLAIN = frozenset({str, int, float, bool, bytes, dict, list, tuple, datetime, date, time, timedelta, Decimal, UUID})
"""Classes whose values are neither null nor exceptions nor awaitable."""
SIMPLE = PLAIN - {dict, list, tuple}
"""Those whose values hold no others."""
WITHOUT_EFFECTS = (isoformat, str)
"""What writes Strawberry's own dates, times, decimals and UUIDs: it runs nobody's code, given a simple value."""
WRITTEN_AS_THEY_ARE: dict[Any, str] = {
    serialize_string: "type({0}) is str",
    serialize_id: "type({0}) is str",
    serialize_boolean: "({0} is True or {0} is False)",
    serialize_int: f"type({{0}}) is int and {GRAPHQL_MIN_INT} <= {{0}} <= {GRAPHQL_MAX_INT}",
    serialize_float: "type({0}) is float and -inf < {0} < inf",
}
"""The values that graphql-core's own functions let through, whichever scalar they serialize."""


def leaf_value(type_: GraphQLLeafType, names: Names) -> Value:
    """The values of a scalar or an enum."""
    names.known("inf", inf)
    test = WRITTEN_AS_THEY_ARE.get(type_.coerce_output_value)
    if test is not None:
        return Value(test)
    if type(type_) is CustomGraphQLEnumType:
        members = names.made(type_, f"{type_.name}_names", lambda: _members(type_))
        return Value(f"id({{0}}) in {members}", write=f"{members}[id({{0}})]")
    written_by = names.constant(type_, type_.name)
    effects = not any(type_.coerce_output_value is each for each in WITHOUT_EFFECTS)
    plain = f"type({{0}}) in {names.known('PLAIN', PLAIN) if effects else names.known('SIMPLE', SIMPLE)}"
    return Value(plain, complete=f"run.complete_leaf_value({written_by}, {{0}})", done=plain, effects=effects)


def is_written_plainly(type_: object) -> bool:
    """Whether right values of a type are written without a call that may fail."""
    if isinstance(type_, GraphQLScalarType):
        return type_.coerce_output_value in WRITTEN_AS_THEY_ARE
    return type(type_) is CustomGraphQLEnumType


def _members(type_: CustomGraphQLEnumType) -> dict[int, Any]:
    """Names by the identity of members, which live as long as the schema: hashing one is a call of Python code."""
    members: list[Any] = list(type_.wrapped_cls)
    return {id(member): type_.coerce_output_value(member) for member in members}
