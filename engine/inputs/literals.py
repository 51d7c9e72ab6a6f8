"""Literals of a document as Python expressions that give what graphql-core's `coerce_input_literal` gives."""

from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
)
from graphql.type.scalars import (
    parse_boolean_literal,
    parse_float_literal,
    parse_id_literal,
    parse_int_literal,
    parse_string_literal,
)
from graphql.utilities.coerce_input_value import coerce_input_literal
from strawberry.schema.schema_converter import CustomGraphQLEnumType

from engine.inputs.defaults import Refused, default_of
from engine.inputs.names import Names

# Literals of these are coerced once: what they give depends on the literal alone and cannot be changed.
PURE = {parse_boolean_literal, parse_float_literal, parse_id_literal, parse_int_literal, parse_string_literal}
PURE_ENUMS = (GraphQLEnumType.coerce_input_literal, CustomGraphQLEnumType.coerce_input_literal)

# Beyond so many nodes a literal is coerced by graphql-core for each request: generated code stays small.
NODES = 64


@dataclass(frozen=True, slots=True)
class Scope:
    """What generated code reads of a request. Its own locals begin with a capital and end with a number."""

    names: Names
    doubt: str
    """A statement that runs where the value of a variable does not fit its place, to raise."""
    variables: str = "variables"
    """An expression of the coerced values of variables by name."""
    variable_values: str = "variable_values"
    """An expression of the VariableValues; `None` for literals that hold no variables."""


class Literals:
    """Writes expressions, and the lines that have to run before them."""

    def __init__(self, scope: Scope) -> None:
        self.lines: list[str] = []
        self._names = scope.names
        self._scope = scope
        self._locals = 0

    def write(self, node: ValueNode, type_: GraphQLInputType) -> str:
        """The expression of a literal. Raises Refused for one that never fits."""
        return self._called(node, type_) if is_large(node) else self._written(node, type_)

    def place(self, node: ValueNode | None, field: Any) -> tuple[str, str] | None:
        """What an argument or a field of an input object gets: an expression, and `if …: ` where it may get nothing.

        None when it gets nothing. Raises Refused for a literal or a default that does not fit, or is missing.
        """
        if node is None or isinstance(node, VariableNode):
            default = self._default(field)
            if node is not None:
                return self._variable(node.name.value, field.type, default)
            if default is None and isinstance(field.type, GraphQLNonNull):
                raise Refused
            return None if default is None else (default, "")
        return self.write(node, field.type), ""

    def _variable(self, name: str, type_: Any, default: str | None) -> tuple[str, str]:
        if isinstance(type_, GraphQLNonNull):
            return self._given(name, default), ""
        if default is not None:
            return f"{self._scope.variables}.get({name!r}, {default})", ""
        return f"{self._scope.variables}[{name!r}]", f"if {name!r} in {self._scope.variables}: "

    def _given(self, name: str, default: str | None) -> str:
        """A variable that must not be null; a default that is null against its type is given, as graphql-core does."""
        value = self._local()
        otherwise = "" if default is None else f", {default}"
        self.lines += [
            f"{value} = {self._scope.variables}.get({name!r}{otherwise})",
            f"if {value} is None: {self._scope.doubt}",
        ]
        return value

    def _default(self, field: Any) -> str | None:
        """The default of an argument or field: one object for all requests, as graphql-core's. None without one."""
        value = default_of(field)
        return None if value is Undefined else self._constant(value)

    def _local(self) -> str:
        self._locals += 1
        return f"Value{self._locals}"

    def _constant(self, value: Any) -> str:
        if value is None or type(value) in {bool, int} or (type(value) is str and len(value) <= NODES):
            return repr(value)
        return self._names.constant(value, "value")

    def _written(self, node: ValueNode, type_: Any) -> str:
        if isinstance(type_, GraphQLNonNull):
            if isinstance(node, NullValueNode):
                raise Refused
            return self._written(node, type_.of_type)
        if isinstance(node, NullValueNode):
            return "None"
        if isinstance(type_, GraphQLList):
            return self._list(node, type_.of_type)
        if isinstance(type_, GraphQLInputObjectType):
            return self._called(node, type_) if type_.is_one_of else self._object(node, type_)
        return self._leaf(node, type_)

    def _called(self, node: ValueNode, type_: Any) -> str:
        """graphql-core is asked for this literal, each time."""
        value = self._local()
        call = self._names.constant(coerce_input_literal, "coerce_input_literal")
        literal, of_type = self._names.constant(node, "literal"), self._names.constant(type_, "type")
        undefined = self._names.constant(Undefined, "Undefined")
        self.lines += [
            f"{value} = {call}({literal}, {of_type}, {self._scope.variable_values})",
            f"if {value} is {undefined}: {self._scope.doubt}",
        ]
        return value

    def _leaf(self, node: ValueNode, type_: Any) -> str:
        coerce = type_.coerce_input_literal
        if coerce not in PURE and getattr(coerce, "__func__", None) not in PURE_ENUMS:
            return self._called(node, type_)
        value = coerce_input_literal(node, type_)
        if value is Undefined:
            raise Refused
        return self._constant(value)

    def _list(self, node: ValueNode, item_type: Any) -> str:
        items = node.values if isinstance(node, ListValueNode) else (node,)
        return f"[{', '.join(self._item(item, item_type) for item in items)}]"

    def _item(self, node: ValueNode, type_: Any) -> str:
        if not isinstance(node, VariableNode):
            return self._written(node, type_)
        if isinstance(type_, GraphQLNonNull):
            return self._given(node.name.value, None)
        return f"{self._scope.variables}.get({node.name.value!r})"

    def _object(self, node: ValueNode, type_: GraphQLInputObjectType) -> str:
        if not isinstance(node, ObjectValueNode):
            raise Refused
        nodes = {field.name.value: field.value for field in node.fields}
        if nodes.keys() - type_.fields.keys():
            raise Refused
        sure: list[str] = []
        value = ""
        for name, field in type_.fields.items():
            placed = self.place(nodes.get(name), field)
            if placed is None:
                continue
            found, condition = placed
            key = repr(field.out_name or name)
            if condition and not value:
                value = self._local()
                self.lines.append(f"{value} = {{{', '.join(sure)}}}")
            if value:
                self.lines.append(f"{condition}{value}[{key}] = {found}")
            else:
                sure.append(f"{key}: {found}")
        made = value or f"{{{', '.join(sure)}}}"
        if type_.out_type is GraphQLInputObjectType.out_type:
            return made
        return f"{self._names.constant(type_.out_type, 'made')}({made})"


def is_large(node: ValueNode) -> bool:
    """Whether a literal has more nodes than code is written for."""
    waiting, seen = [node], 0
    while waiting and seen <= NODES:
        seen += 1
        found = waiting.pop()
        if isinstance(found, ListValueNode):
            waiting += found.values
        elif isinstance(found, ObjectValueNode):
            waiting += [field.value for field in found.fields]
    return seen > NODES
