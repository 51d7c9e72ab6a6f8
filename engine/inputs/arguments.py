"""Arguments of a field as code: what graphql-core's `get_argument_values` gives, in the same order of keys."""

from dataclasses import dataclass
from itertools import starmap
from keyword import iskeyword

from graphql import FieldNode, GraphQLField
from graphql.execution.values import get_argument_values

from engine.inputs.defaults import Refused
from engine.inputs.literals import Literals
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

    The code sees `variables`, the coerced values by name, and `variable_values`. `lines` run first, `keywords` stand in
    the call: `resolve(source, info{keywords})`. Both may raise a GraphQLError, which belongs to the field.
    """

    lines: tuple[str, ...] = ()
    keywords: str = ""
    # The arguments one by one, for a call that passes them otherwise: the lines without those of the dictionary.
    arguments: tuple[Argument, ...] | None = ()  # None when graphql-core is asked at run time
    before: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether graphql-core's own function runs for each request."""
        return self.arguments is None


def arguments_source(field_def: GraphQLField, node: FieldNode, names: Names) -> ArgumentsSource:
    """The arguments of one field node, by the rules of `get_argument_values`.

    Literals that cannot change are coerced once; lists and objects are made anew for each call; what never fits, so
    that an error is due, is left to graphql-core at run time.
    """
    if not field_def.args:
        return ArgumentsSource()
    call, field, of = starmap(
        names.constant, ((get_argument_values, "get_argument_values"), (field_def, "field"), (node, "node"))
    )
    asking = f"{call}({field}, {of}, variable_values)"
    literals = Literals(names, asking)
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
    lines = ["arguments = {}"]
    lines += [f"{one.condition}arguments[{one.name!r}] = {one.expression}" for one in arguments]
    return lines, ", **arguments"


def _is_plain(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name) and name != "__debug__"
