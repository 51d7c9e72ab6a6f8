"""How values of scalars and enums are recognised as surely right, and written."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import inf
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
)
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from strawberry.schema.schema_converter import CustomGraphQLEnumType

from engine.names import Names

PLAIN = frozenset({str, int, float, bool, bytes, dict, list, tuple, datetime, date, time, timedelta, Decimal, UUID})
"""Classes whose values are neither exceptions nor awaitable nor null."""
TESTS = {
    GraphQLString: "type({0}) is str",
    GraphQLID: "type({0}) is str",
    GraphQLBoolean: "({0} is True or {0} is False)",
    GraphQLInt: f"(type({{0}}) is int and {GRAPHQL_MIN_INT} <= {{0}} <= {GRAPHQL_MAX_INT})",
    GraphQLFloat: "(type({0}) is float and -inf < {0} < inf)",
}
"""Which values the built-in scalars write as they are."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Python of a scalar or an enum: `{0}` is the value."""

    test: str
    """Whether it is surely right; it has no effect."""
    write: str | None
    """What is answered, if it is not the value itself."""
    pure: bool = True
    """Whether writing runs no code but graphql-core's and Python's own."""


def leaf(type_: GraphQLLeafType, names: Names) -> Leaf:
    """How a scalar or an enum is written."""
    if type_ in TESTS:
        names.known("inf", inf)
        return Leaf(TESTS[type_], None)
    if type(type_) is CustomGraphQLEnumType:
        members = names.constant(f"{type_.name}_names", _members(type_))
        return Leaf(f"id({{0}}) in {members}", f"{members}[id({{0}})]")
    plain = names.known("PLAIN", PLAIN)
    write = names.constant(f"write_{type_.name}", type_)
    return Leaf(f"type({{0}}) in {plain}", f"run.complete_leaf_value({write}, {{0}})", pure=False)


def _members(type_: CustomGraphQLEnumType) -> dict[int, str]:
    """Names by the identity of members, which live as long as the schema: a member's hash is Python code."""
    return {id(member): type_.coerce_output_value(member) for member in type_.wrapped_cls}


def is_enum(type_: Any) -> bool:
    """Whether a leaf is an enum."""
    return isinstance(type_, GraphQLEnumType)
