"""Values from the client as code: what surely fits its type is read at once, all else is left to graphql-core."""

from contextlib import suppress
from math import inf
from typing import Any, cast

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
)
from graphql.language.parser import MAX_NESTING_DEPTH
from graphql.type import GraphQLLeafType, is_required_input_field
from graphql.type.scalars import coerce_boolean, coerce_float, coerce_id, coerce_int, coerce_string
from strawberry.schema.schema_converter import CustomGraphQLEnumType

from engine.inputs.defaults import Refused, default_of
from engine.inputs.names import Constants

# Conditions under which a built-in scalar gives the very value back, of a name {0} in the generated code.
SAME = {
    coerce_string: "type({0}) is str",
    coerce_boolean: "type({0}) is bool",
    coerce_int: "type({0}) is int and -2147483648 <= {0} <= 2147483647",
    coerce_float: "type({0}) is float and -inf < {0} < inf",
    coerce_id: "type({0}) is str",
}

# What else a built-in scalar surely takes: the condition, and what it makes of it.
MADE = {
    coerce_float: ("type({0}) is int and -9007199254740992 <= {0} <= 9007199254740992", "float({0})"),
    coerce_id: ("type({0}) is int", "str({0})"),
}

OWN_ENUMS = (GraphQLEnumType.coerce_input_value, CustomGraphQLEnumType.coerce_input_value)


MAX_LINES = 2_000
"""Schemas with more inputs than that within one another are read by graphql-core: code is kept for each operation."""


class Unsure(Exception):
    """Generated code cannot tell that a value fits: graphql-core is asked."""


class ValueReaders:
    """Writes functions that read values of input types: one for each input object and each list within a list."""

    def __init__(self) -> None:
        self.constants = Constants()
        self.constants.values.update(Unsure=Unsure, Undefined=Undefined, inf=inf)
        self.source: list[str] = []
        self._functions: dict[str, str] = {}
        self._locals = 0

    def local(self) -> str:
        """A name that no other local of the generated code has."""
        self._locals += 1
        return f"v{self._locals}"

    def read(self, type_: GraphQLInputType, value: str, lines: list[str], indent: str) -> str:
        """Add the lines that test the value of a name; gives the expression of what it is coerced to."""
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type, value, lines, indent)
        if isinstance(type_, GraphQLList | GraphQLInputObjectType) or not self._passes(type_):
            result = self.local()
            lines += [f"{indent}if {value} is None: {result} = None", f"{indent}else:"]
            found = self._present(type_, value, lines, indent + " ")
            lines.append(f"{indent} {result} = {found}")
            return result
        condition = SAME[cast("Any", type_).coerce_input_value].format(value)
        lines.append(f"{indent}if not ({value} is None or {condition}): raise Unsure")
        return value

    @staticmethod
    def _passes(type_: Any) -> bool:
        """Whether values of a leaf type are tested, and never made anew."""
        return type_.coerce_input_value in SAME and type_.coerce_input_value not in MADE

    def _present(self, type_: Any, value: str, lines: list[str], indent: str) -> str:
        if isinstance(type_, GraphQLList):
            return self._list(type_.of_type, value, lines, indent)
        if isinstance(type_, GraphQLInputObjectType):
            return f"{self._function(type_)}({value})"
        return self._leaf(type_, value, lines, indent)

    def _list(self, item_type: Any, value: str, lines: list[str], indent: str) -> str:
        result, item = self.local(), self.local()
        lines += [
            f"{indent}if type({value}) is not list: raise Unsure",
            f"{indent}{result} = []",
            f"{indent}for {item} in {value}:",
        ]
        nested = item_type.of_type if isinstance(item_type, GraphQLNonNull) else item_type
        if isinstance(nested, GraphQLList):
            found = f"{self._function(item_type)}({item})"
        else:
            found = self.read(item_type, item, lines, indent + " ")
        lines.append(f"{indent} {result}.append({found})")
        return result

    def _leaf(self, type_: GraphQLLeafType, value: str, lines: list[str], indent: str) -> str:
        coerce: Any = type_.coerce_input_value
        if coerce in SAME:
            return self._built_in(coerce, value, lines, indent)
        result = self.local()
        if isinstance(type_, GraphQLEnumType) and getattr(coerce, "__func__", None) in OWN_ENUMS:
            table = self.constants.constant(members(type_), "enum")
            lines += [f"{indent}if type({value}) is not str: raise Unsure", f"{indent}{result} = {table}[{value}]"]
        else:
            lines += [
                f"{indent}if {value} is None or {value} is Undefined: raise Unsure",
                f"{indent}{result} = {self.constants.constant(coerce, 'coerce')}({value})",
                f"{indent}if {result} is Undefined: raise Unsure",
            ]
        return result

    def _built_in(self, coerce: Any, value: str, lines: list[str], indent: str) -> str:
        same = SAME[coerce].format(value)
        if coerce not in MADE:
            lines.append(f"{indent}if not ({same}): raise Unsure")
            return value
        result = self.local()
        condition, made = (text.format(value) for text in MADE[coerce])
        lines += [
            f"{indent}if {same}: {result} = {value}",
            f"{indent}elif {condition}: {result} = {made}",
            f"{indent}else: raise Unsure",
        ]
        return result

    def _function(self, type_: GraphQLInputType) -> str:
        """The name of a function that reads a value of a type, written when it is first asked for. Raises Refused."""
        key = str(type_)
        if key not in self._functions:
            name = self._functions[key] = f"read_{len(self._functions) + 1}"
            if isinstance(type_, GraphQLInputObjectType):
                body = self._object(type_)
            else:
                body = []
                body.append(f" return {self.read(type_, 'value', body, ' ')}")
            self.source += [f"def {name}(value):", *body]
            if len(self.source) > MAX_LINES:
                raise Refused
        return self._functions[key]

    def _object(self, type_: GraphQLInputObjectType) -> list[str]:
        lines = [" if type(value) is not dict: raise Unsure", " absent = 0", " result = {}"]
        for name, field in type_.fields.items():
            self._field(name, field, lines)
        lines.append(f" if len(value) + absent != {len(type_.fields)}: raise Unsure")
        if type_.is_one_of:
            lines.append(" if len(value) != 1 or len(result) != 1 or None in result.values(): raise Unsure")
        plain = type_.out_type is GraphQLInputObjectType.out_type
        made = "result" if plain else f"{self.constants.constant(type_.out_type, 'made')}(result)"
        return [*lines, f" return {made}"]

    def _field(self, name: str, field: GraphQLInputField, lines: list[str]) -> None:
        value = self.local()
        key, out = repr(name), repr(field.out_name or name)
        if is_required_input_field(field):
            lines.append(f" {value} = value[{key}]")
            found = self.read(field.type, value, lines, " ")
            lines.append(f" result[{out}] = {found}")
            return
        lines += [
            f" {value} = value.get({key}, Undefined)",
            f" if {value} is Undefined:",
            "  absent += 1",
            *self._default(field, out),
            " else:",
        ]
        found = self.read(field.type, value, lines, "  ")
        lines.append(f"  result[{out}] = {found}")

    def _default(self, field: GraphQLInputField, out: str) -> list[str]:
        """Lines for a field that is left out. Defaults of fields are one object for all requests, as graphql-core's."""
        try:
            default = default_of(field)
        except Refused:
            return ["  raise Unsure"]
        if default is Undefined:
            return []
        return [f"  result[{out}] = {'None' if default is None else self.constants.constant(default, 'default')}"]


def members(type_: GraphQLEnumType) -> dict[str, Any]:
    """What the names of an enum stand for, those alone that graphql-core takes."""
    found: dict[str, Any] = {}
    for name in type_.values:
        # An enum's class may raise anything: graphql-core tells it when the name is used.
        with suppress(Exception):
            found[name] = type_.coerce_input_value(name)
    return {name: member for name, member in found.items() if member is not Undefined}


def may_be_too_deep(type_: GraphQLInputType) -> bool:
    """Whether a value that fits the type may be nested deeper than graphql-core reads."""
    return depth_of(type_, {}) > MAX_NESTING_DEPTH


def depth_of(type_: Any, known: dict[str, float]) -> float:
    """How deep a value of a type may be nested: infinitely where a type holds itself."""
    if isinstance(type_, GraphQLNonNull):
        return depth_of(type_.of_type, known)
    if isinstance(type_, GraphQLList):
        return 1 + depth_of(type_.of_type, known)
    if not isinstance(type_, GraphQLInputObjectType):
        return 0
    if type_.name not in known:
        known[type_.name] = inf
        known[type_.name] = max((1 + depth_of(field.type, known) for field in type_.fields.values()), default=0)
    return known[type_.name]
