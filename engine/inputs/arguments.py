"""Arguments of a field as code: what graphql-core's `get_argument_values` gives, in the same order of keys."""

from dataclasses import dataclass
from keyword import iskeyword

from graphql import FieldNode, GraphQLField
from graphql.execution.values import get_argument_values

from engine.inputs.defaults import Refused
from engine.inputs.literals import Literals, Scope
from engine.inputs.names import Names


@dataclass(frozen=True, slots=True)
class Argument:
    """One keyword argument of a resolver."""

    name: str
    expression: str
    condition: str = ""  # `if …: ` where the argument may be left out


@dataclass(frozen=True, slots=True)
class ArgumentsSource:
    """How generated code passes the arguments of a field.

    `lines` run first, `keywords` stand in the call: `resolve(source, info{keywords})`. Both may raise a GraphQLError,
    which belongs to the field. Locals of the lines begin with a capital.
    """

    lines: tuple[str, ...] = ()
    keywords: str = ""
    arguments: tuple[Argument, ...] | None = ()
    """The arguments one by one, for a call that passes them otherwise; None when graphql-core is asked at run time."""
    before: tuple[str, ...] = ()
    """What has to run before the expressions of `arguments`."""


def arguments_source(
    field_def: GraphQLField,
    node: FieldNode,
    names: Names,
    variables: str = "variables",
    variable_values: str = "variable_values",
) -> ArgumentsSource:
    """The arguments of one field node, by the rules of `get_argument_values`.

    Literals that cannot change are coerced once; lists and objects are made anew for each call; what never fits, so
    that an error is due, is left to graphql-core at run time. `variables` and `variable_values` are the expressions of
    the coerced values by name and of the VariableValues.
    """
    if not field_def.args:
        return ArgumentsSource()
    asking = (
        f"{names.constant(get_argument_values, 'get_argument_values')}("
        f"{names.constant(field_def, 'field')}, {names.constant(node, 'node')}, {variable_values})"
    )
    literals = Literals(Scope(names, asking, variables, variable_values))
    try:
        arguments = tuple(_arguments(field_def, node, literals))
    except Refused:
        return ArgumentsSource(keywords=f", **{asking}", arguments=None)
    before = tuple(literals.lines)
    lines, keywords = _passed(arguments)
    return ArgumentsSource((*before, *lines), keywords, arguments, before)


def _arguments(field_def: GraphQLField, node: FieldNode, literals: Literals) -> list[Argument]:
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    found = []
    for name, definition in field_def.args.items():
        placed = literals.place(given.get(name), definition)
        if placed is not None:
            found.append(Argument(definition.out_name or name, *placed))
    return found


def _passed(arguments: tuple[Argument, ...]) -> tuple[list[str], str]:
    """The lines that make a dictionary where it takes one, and what stands in the call."""
    names = [argument.name for argument in arguments]
    if all(map(_is_plain, names)) and len(set(names)) == len(names) and not any(one.condition for one in arguments):
        return [], "".join(f", {one.name}={one.expression}" for one in arguments)
    lines = ["Arguments1 = {}"]
    lines += [f"{one.condition}Arguments1[{one.name!r}] = {one.expression}" for one in arguments]
    return lines, ", **Arguments1"


def _is_plain(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name) and name != "__debug__"
