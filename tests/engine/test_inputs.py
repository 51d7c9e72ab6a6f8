"""Generated readers of variables and arguments against graphql-core's own functions."""

from collections.abc import Callable
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLDefaultInput,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    OperationDefinitionNode,
    parse,
    parse_const_value,
    parse_type,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from graphql.utilities import type_from_ast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.inputs import Constants, arguments_source, variables_reader
from tests.engine.input_worlds import TYPES, Drawing, build

SCHEMA = build()
EFFORT = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


def told(value: Any) -> Any:
    """A value so that two are equal when they are of the same types, in the same order, with the same figures."""
    if isinstance(value, dict):
        return (type(value).__name__, [(key, told(inside)) for key, inside in value.items()])
    if isinstance(value, list | tuple):
        return (type(value).__name__, [told(inside) for inside in value])
    if isinstance(value, GraphQLError):
        return ("error", value.message, value.locations, value.path, repr(value.original_error))
    return (type(value), repr(value))


def outcome(of: Callable[[], Any]) -> Any:
    """What a call gives or raises."""
    try:
        return told(of())
    except Exception as error:  # ruff: ignore[blind-except] -- errors are what is compared
        return (type(error), told(error), str(error))


def changeable(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], int]:
    """The identity of each list and dictionary within a value, by its place."""
    found = {path: id(value)} if isinstance(value, list | dict) else {}
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, one in inside:
        found |= changeable(one, (*path, key))
    return found


def kept(first: Any, second: Any) -> set[Any]:
    """Places whose object two calls share."""
    before, after = changeable(first), changeable(second)
    return {path for path in before if before[path] == after.get(path)}


def operation(text: str) -> OperationDefinitionNode:
    definition = parse(text).definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def drawn_operation(drawing: Drawing, selected: str) -> tuple[OperationDefinitionNode, dict[str, Any]]:
    """An operation with up to three variables, and raw values for it."""
    declared, raw = [], {}
    for number in range(drawing.one([0, 1, 1, 2, 2, 3])):
        text = drawing.one(TYPES)
        type_: Any = type_from_ast(SCHEMA, parse_type(text))
        default = f" = {drawing.literal(type_, [])}".replace("$", "") if drawing.chance(40) else ""
        declared.append(f"$v{number}: {text}{default}")
        if drawing.chance(75):
            raw[f"v{number}"] = drawing.value(type_)
    variables = f"({', '.join(declared)})" if declared else ""
    return operation(f"query {variables} {{ {selected} }}"), raw


def read_by_core(found: OperationDefinitionNode, raw: dict[str, Any]) -> VariableValues | list[GraphQLError]:
    return get_variable_values(SCHEMA, found.variable_definitions or (), raw, max_errors=50)


def plain(values: VariableValues | list[GraphQLError]) -> Any:
    """Variable values or errors as what can be compared."""
    if isinstance(values, list):
        return values
    sources = {
        name: (source.signature.name, str(source.signature.type), source.signature.default, source.value)
        for name, source in values.sources.items()
    }
    shown = {
        name: (title, type_, default and repr(default.literal), value)
        for name, (title, type_, default, value) in sources.items()
    }
    return {"sources": shown, "coerced": values.coerced}


@EFFORT
@given(st.data())
def test_variables_are_read_as_graphql_core_reads_them(data: st.DataObject) -> None:
    """Values, their order, sources and errors are the same, and so is what two requests share."""
    drawing = Drawing(data)
    found, raw = drawn_operation(drawing, "idle")
    read = variables_reader(SCHEMA, found)
    assert outcome(lambda: plain(read(raw))) == outcome(lambda: plain(read_by_core(found, raw)))
    try:
        ours, theirs = (read(raw), read(raw)), (read_by_core(found, raw), read_by_core(found, raw))
    except (TypeError, ValueError):
        return
    if isinstance(ours[0], VariableValues) and isinstance(ours[1], VariableValues):
        assert isinstance(theirs[0], VariableValues)
        assert isinstance(theirs[1], VariableValues)
        assert kept(ours[0].coerced, ours[1].coerced) == kept(theirs[0].coerced, theirs[1].coerced)
        assert all(ours[0].sources[name].value is theirs[0].sources[name].value for name in raw)


def call(field: GraphQLField, node: FieldNode) -> Callable[[VariableValues], dict[str, Any]]:
    """The arguments of a field as generated code passes them."""
    names = Constants()
    source = arguments_source(field, node, names)
    lines = [f"  {line}" for line in source.lines]
    text = "\n".join(["def call(variable_values):", "  variables = variable_values.coerced", *lines])
    text += f"\n  return taken(None, None{source.keywords})"
    namespace: dict[str, Any] = {**names.values, "taken": lambda _source, _info, **given: given}
    exec(text, namespace)  # ruff: ignore[exec-builtin] -- generated code is what is tested
    found: Callable[[VariableValues], dict[str, Any]] = namespace["call"]
    return found


def drawn_field(drawing: Drawing) -> GraphQLField:
    """A field with up to three arguments."""
    arguments = {}
    for number, name in zip(range(drawing.one([0, 1, 1, 2, 3])), ("a", "b", "c"), strict=False):
        type_: Any = type_from_ast(SCHEMA, parse_type(drawing.one(TYPES)))
        default: dict[str, Any] = {}
        if drawing.chance(40):
            default = {
                "default": GraphQLDefaultInput(
                    literal=parse_const_value(drawing.literal(type_, [], 0, 1).replace("$", ""))
                )
            }
        elif drawing.chance(20):
            default = {"default_value": drawing.one([None, 3, ["internal"], "word"])}
        out = drawing.one([None, None, f"out_{number}", "class", "a"])
        arguments[name] = GraphQLArgument(type_, out_name=out, **default)
    return GraphQLField(GraphQLInt, args=arguments)


@EFFORT
@given(st.data())
def test_arguments_are_those_of_graphql_core(data: st.DataObject) -> None:
    """Arguments, their order and the error are the same, and so is what two calls share."""
    drawing = Drawing(data)
    field = drawn_field(drawing)
    given_arguments = [
        f"{name}: {drawing.literal(argument.type, ['v0', 'v1', 'v2', 'v9'])}"
        for name, argument in field.args.items()
        if drawing.chance(75)
    ]
    found, raw = drawn_operation(drawing, f"idle({', '.join(given_arguments)})" if given_arguments else "idle")
    node = found.selection_set.selections[0]
    assert isinstance(node, FieldNode)
    try:
        variables = read_by_core(found, raw)
    except (TypeError, ValueError):
        return
    if isinstance(variables, list):
        variables = VariableValues({}, {})
    compiled = call(field, node)
    theirs = outcome(lambda: get_argument_values(field, node, variables))
    assert outcome(lambda: compiled(variables)) == theirs
    if theirs[0] == "dict":
        core = get_argument_values(field, node, variables), get_argument_values(field, node, variables)
        assert kept(compiled(variables), compiled(variables)) == kept(*core)
