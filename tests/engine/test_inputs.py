"""Generated readers of variables and arguments against graphql-core's own functions."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLDefaultInput,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    build_schema,
    parse,
    parse_const_value,
    parse_type,
    print_ast,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from graphql.utilities import type_from_ast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.inputs import Constants, VariablesReader, arguments_source, variables_reader
from tests.engine.input_worlds import TYPES, Drawing, build, told

SCHEMA = build()
EFFORT = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
CASES = 3


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


def kept(of: Callable[[], Any]) -> set[Any]:
    """Places whose object two calls share."""
    first, second = of(), of()
    before, after = changeable(first), changeable(second)
    return {path for path in before if before[path] == after.get(path)}


def operation(text: str) -> OperationDefinitionNode:
    """The operation of a document."""
    definition = parse(text).definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def type_of(text: str) -> Any:
    """A type as documents write it."""
    return type_from_ast(SCHEMA, parse_type(text))


def constant(drawing: Drawing, type_: Any) -> str:
    """A literal without variables."""
    return drawing.literal(type_, []).replace("$", "")


def declared(drawing: Drawing) -> dict[str, str]:
    """The types of up to three variables, by name."""
    return {f"v{number}": drawing.one(TYPES) for number in range(drawing.one([0, 1, 1, 2, 2, 3]))}


def drawn_operation(drawing: Drawing, types: dict[str, str], selected: str) -> OperationDefinitionNode:
    """An operation with variables of these types, and defaults for some."""
    texts = [
        f"${name}: {text}{f' = {constant(drawing, type_of(text))}' if drawing.chance(40) else ''}"
        for name, text in types.items()
    ]
    return operation(f"query {'(' + ', '.join(texts) + ')' if texts else ''} {{ {selected} }}")


def drawn_values(drawing: Drawing, types: dict[str, str]) -> dict[str, Any]:
    """Raw values, not for all of the variables."""
    return {name: drawing.value(type_of(text)) for name, text in types.items() if drawing.chance(75)}


def read_by_core(found: OperationDefinitionNode, raw: dict[str, Any]) -> VariableValues | list[GraphQLError]:
    """What graphql-core gives for the variables of an operation, as its executor asks for them."""
    return get_variable_values(SCHEMA, found.variable_definitions or (), raw, max_errors=50)


def plain(values: VariableValues | list[GraphQLError]) -> Any:
    """Variable values or errors as what can be compared."""
    if isinstance(values, list):
        return values
    sources = {}
    for name, (signature, value) in values.sources.items():
        literal: Any = signature.default and signature.default.literal
        sources[name] = [signature.name, str(signature.type), literal and print_ast(literal), value]
    return {"sources": sources, "coerced": values.coerced}


def plain_of(read: VariablesReader, raw: dict[str, Any]) -> Any:
    """What a reader gives, as what can be compared."""
    return plain(read(raw))


@EFFORT
@given(st.data())
def test_variables_are_read_as_graphql_core_reads_them(data: st.DataObject) -> None:
    """Values, their order, sources and errors are the same, and so is what two requests share."""
    drawing = Drawing(data)
    types = declared(drawing)
    found = drawn_operation(drawing, types, "idle")
    read = variables_reader(SCHEMA, found)
    for _ in range(CASES):
        raw = drawn_values(drawing, types)
        ours, theirs = partial(plain_of, read, raw), partial(plain_of, partial(read_by_core, found), raw)
        expected = outcome(theirs)
        assert outcome(ours) == expected
        if expected[0] == "dict":
            assert kept(ours) == kept(theirs)


def call(field: GraphQLField, node: FieldNode) -> Callable[[VariableValues], dict[str, Any]]:
    """The arguments of a field as generated code passes them."""
    names = Constants()
    source = arguments_source(field, node, names, "values.coerced", "values")
    text = "\n ".join(["def call(values):", *source.lines, f"return taken(None, None{source.keywords})"])
    namespace: dict[str, Any] = {**names.values, "taken": lambda _source, _info, **given: given}
    exec(text, namespace)  # ruff: ignore[exec-builtin] -- generated code is what is tested
    found: Callable[[VariableValues], dict[str, Any]] = namespace["call"]
    return found


def drawn_argument(drawing: Drawing, number: int) -> GraphQLArgument:
    """An argument, with a default of either kind or none."""
    type_ = type_of(drawing.one(TYPES))
    default: dict[str, Any] = {}
    if drawing.chance(30):
        default = {"default": GraphQLDefaultInput(literal=parse_const_value(constant(drawing, type_)))}
    elif drawing.chance(20):
        default = {"default_value": drawing.one([None, 3, ["internal"], "word"])}
    return GraphQLArgument(type_, out_name=drawing.one([None, None, f"out_{number}", "class", "a"]), **default)


@EFFORT
@given(st.data())
def test_arguments_are_those_of_graphql_core(data: st.DataObject) -> None:
    """Arguments, their order and the error are the same, and so is what two calls share."""
    drawing = Drawing(data)
    types = declared(drawing)
    for _ in range(CASES):
        arguments = {name: drawn_argument(drawing, at) for at, name in enumerate("abc") if drawing.chance(50)}
        field = GraphQLField(GraphQLInt, args=arguments)
        texts = [
            f"{name}: {drawing.literal(argument.type, ['v0', 'v1', 'v2', 'v9'])}"
            for name, argument in arguments.items()
            if drawing.chance(75)
        ]
        found = drawn_operation(drawing, types, f"idle({', '.join(texts)})" if texts else "idle")
        (node,) = found.selection_set.selections
        assert isinstance(node, FieldNode)
        variables = VariableValues({}, {})
        with suppress(TypeError, ValueError):
            read = read_by_core(found, drawn_values(drawing, types))
            variables = variables if isinstance(read, list) else read
        assert_same_arguments(field, node, variables)


def assert_same_arguments(field: GraphQLField, node: FieldNode, variables: VariableValues) -> None:
    """Generated code gives what graphql-core gives."""
    compiled = call(field, node)
    theirs = outcome(lambda: get_argument_values(field, node, variables))
    assert outcome(lambda: compiled(variables)) == theirs
    if theirs[0] == "dict":
        assert kept(lambda: compiled(variables)) == kept(lambda: get_argument_values(field, node, variables))


FITTING = {
    "String!": "ada", "[Int!]!": [1, 2], "Float": 1, "Boolean": False, "ID": 7, "Colour!": "RED", "Even": 2, "Json": {},
    "Point!": {"x": 1, "y": 0.5, "tags": ["a"], "colour": "GREEN"}, "[[[Boolean!]]]!": [[[True]]], "[ID]": [None, "a"],
    "Tree!": {"name": "a", "inside": [{"name": "b", "one": {"name": "c"}}]}, "Named": {"from": "a"},
    "Choice": {"word": "a"},
}  # fmt: skip


def test_values_that_fit_are_not_handed_to_graphql_core() -> None:
    """Each kind of type is read by generated code alone."""
    texts = {f"v{number}": text for number, text in enumerate(FITTING)}
    found = operation(f"query ({', '.join(f'${name}: {text}' for name, text in texts.items())}) {{ idle }}")
    read: Any = variables_reader(SCHEMA, found)
    raw = {name: FITTING[text] for name, text in texts.items()}
    theirs = told(plain(read_by_core(found, raw)))
    read.__globals__["slow"] = pytest.fail
    assert told(plain(read(raw))) == theirs


def test_parser_of_a_scalar_never_sees_what_is_undefined() -> None:
    """Callers in Python may leave an item undefined, which is null to graphql-core, whatever the parser makes of it."""
    found = operation("query ($v: [Json], $w: Named) { idle }")
    raw = {"v": [1, Undefined], "w": {"from": "a", "json": Undefined}}
    theirs = read_by_core(found, raw)
    assert isinstance(theirs, VariableValues)
    assert theirs.coerced["v"] == [1, None]
    assert told(plain(variables_reader(SCHEMA, found)(raw))) == told(plain(theirs))


@pytest.mark.parametrize("text", ["query ($v: Query, $w: Int) { idle }", "query ($v: Unknown!, $w: Int) { idle }"])
def test_variable_of_a_type_that_is_no_input_is_refused(text: str) -> None:
    """The errors are graphql-core's, with those of the other variables."""
    found = operation(text)
    errors = variables_reader(SCHEMA, found)({"w": "a"})
    assert isinstance(errors, list)
    assert len(errors) == 2
    assert told(errors) == told(read_by_core(found, {"w": "a"}))


@pytest.mark.parametrize("depth", [98, 99, 100, 5000])
def test_value_is_nested_as_deep_as_graphql_core_allows(depth: int) -> None:
    """The bound is the same to the level."""
    found = operation("query ($tree: Tree) { idle }")
    tree: dict[str, Any] = {"name": "leaf"}
    for level in range(depth):
        tree = {"name": f"{level}", "inside": [tree]}
    theirs = read_by_core(found, {"tree": tree})
    assert isinstance(theirs, list) == (depth > 99)
    ours = variables_reader(SCHEMA, found)({"tree": tree})
    if isinstance(theirs, list):
        assert told(ours) == told(theirs)
    else:
        assert isinstance(ours, VariableValues)
        assert ours.coerced == theirs.coerced


def test_errors_are_counted_as_the_executor_counts_them() -> None:
    """After fifty errors the rest is not told."""
    found = operation("query ($many: [Int!]) { idle }")
    errors = variables_reader(SCHEMA, found)({"many": ["a"] * 60})
    assert isinstance(errors, list)
    assert len(errors) == 51
    assert len(variables_reader(SCHEMA, found, 2)({"many": ["a"] * 60})) == 3


NEVER = [
    "{ unknown: 1 }",
    "{ x: null }",
    "{ x: $v }",
    "3",
    "{ tags: [null] }",
    "{ colour: VOID }",
    "null",
    "{ y: 1e999 }",
]


@pytest.mark.parametrize("text", NEVER)
def test_error_of_an_argument_is_told_by_graphql_core(text: str) -> None:
    """Literals and variables that do not fit are refused as ever, those that fit by accident are taken."""
    field = GraphQLField(GraphQLInt, args={"a": GraphQLArgument(type_of("Point!"))})
    (node,) = operation(f"query ($v: Int) {{ idle(a: {text}) }}").selection_set.selections
    assert isinstance(node, FieldNode)
    assert_same_arguments(field, node, VariableValues({}, {"v": None}))


def many_inputs(count: int) -> GraphQLSchema:
    """A schema whose inputs hold one another in a chain."""
    chain = [f"input I{number} {{ next: I{number + 1}, a: Int, b: Int, c: Int, d: Int }}" for number in range(count)]
    return build_schema("\n".join([*chain, f"input I{count} {{ a: Int }} scalar Odd type Query {{ idle: Int }}"]))


@pytest.mark.parametrize("variables", [["$v: I0"], [f"$v{number}: Int" for number in range(1000)]])
def test_code_that_would_be_too_long_is_not_written(variables: list[str]) -> None:
    """The values are read by graphql-core."""
    schema, found = many_inputs(99), operation(f"query ({', '.join(variables)}) {{ idle }}")
    read, raw = variables_reader(schema, found), {"v": {}, "v1": 1}
    assert not hasattr(read, "__code__")
    theirs = get_variable_values(schema, found.variable_definitions or (), raw)
    assert told(plain(read(raw))) == told(plain(theirs))


class Odd:
    """A parser that no table can hold."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, value: Any) -> Any:
        return value


def test_reader_that_cannot_be_written_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a schema does to the writer, its requests are served."""
    schema, found = many_inputs(1), operation("query ($v: Odd) { idle }")
    odd = schema.type_map["Odd"]
    assert isinstance(odd, GraphQLScalarType)
    odd.coerce_input_value = Odd()
    values = variables_reader(schema, found)({"v": 1})
    assert isinstance(values, VariableValues)
    assert values.coerced == {"v": 1}
    assert "could not be compiled" in caplog.text


def test_long_literal_is_not_written_as_code() -> None:
    """A list of a thousand numbers is coerced by graphql-core, and made anew for each call."""
    field = GraphQLField(GraphQLInt, args={"a": GraphQLArgument(type_of("[Int!]!"))})
    (node,) = operation(f"{{ idle(a: [{', '.join(['1'] * 1000)}]) }}").selection_set.selections
    assert isinstance(node, FieldNode)
    assert len("".join(arguments_source(field, node, Constants()).lines)) < 200
    assert_same_arguments(field, node, VariableValues({}, {}))
