"""Resolvers called without Strawberry's wrapper against the wrapper itself."""

from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import FieldNode, GraphQLField, OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_argument_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from engine.inputs import Constants, arguments_source, direct_call
from engine.inputs.converting import Conversions
from engine.inputs.defaults import Refused
from resolvers.root import build_schema
from tests.engine.input_worlds import Drawing, told
from tests.engine.resolver_worlds import NOT_DIRECT, Query, Renaming, Told, build

SCHEMA: Any = build()._schema
FIELDS: dict[str, GraphQLField] = SCHEMA.query_type.fields
INFO: Any = SimpleNamespace(field_name="asked")
DIRECT = sorted(FIELDS.keys() - NOT_DIRECT)


def made_of(field: GraphQLField) -> Any:
    """Strawberry's field."""
    return field.extensions["strawberry-definition"]


def node_of(text: str) -> FieldNode:
    """The only field of a document."""
    operation = parse(text).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    return node


def compiled(field: GraphQLField, node: FieldNode) -> Callable[[Any, Any, VariableValues], Any]:
    """The generated call of a field."""
    direct = direct_call(made_of(field), field)
    assert direct is not None
    names = Constants()
    arguments = arguments_source(field, node, names, "values.coerced", "values")
    lines, expression = direct.write(arguments, names)
    exec("\n ".join(["def call(source, info, values):", *lines, f"return {expression}"]), names.values)  # ruff: ignore[exec-builtin] -- generated code is what is tested
    found: Callable[[Any, Any, VariableValues], Any] = names.values["call"]
    return found


def through_the_wrapper(field: GraphQLField, node: FieldNode, values: VariableValues) -> Any:
    """What graphql-core gets when it resolves a field."""
    resolve: Any = field.resolve
    return resolve("source", INFO, **get_argument_values(field, node, values))


def steps(of: Callable[[], Any]) -> list[Any]:
    """What a call does: gives, raises, or waits so many times before it gives or raises."""
    done: list[Any] = []
    try:
        _take(of, done)
    except StopIteration as stopped:
        done.append(told(stopped.value))
    except Exception as error:  # ruff: ignore[blind-except] -- errors are what is compared
        done += [type(error), str(error), told(error)]
    return done


def _take(of: Callable[[], Any], done: list[Any]) -> None:
    result = of()
    done.append("called")
    if isawaitable(result):
        waiting = result.__await__()
        while True:
            next(waiting)
            done.append("waited")
    done.append(told(result))


@pytest.mark.parametrize("name", DIRECT)
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_direct_call_does_what_the_wrapper_does(name: str, data: st.DataObject) -> None:
    """Results, errors, and when each comes are the same for arguments that are drawn."""
    drawing, field = Drawing(data), FIELDS[name]
    for _ in range(3):
        texts = [
            f"{argument}: {drawing.literal(definition.type, ['v0', 'v1'], wrong=0)}"
            for argument, definition in field.args.items()
            if drawing.chance(75)
        ]
        node = node_of(f"{{ {name}{'(' + ', '.join(texts) + ')' if texts else ''} }}")
        values = VariableValues({}, {"v0": drawing.one([None, 1, [1], {"x": 1}])} if drawing.chance(50) else {})
        wrapped, direct = partial(through_the_wrapper, field, node, values), compiled(field, node)
        assert steps(partial(direct, "source", INFO, values)) == steps(wrapped)


@pytest.mark.parametrize("name", sorted(NOT_DIRECT))
def test_what_the_wrapper_does_besides_is_left_to_it(name: str) -> None:
    """Fields whose wrapper does more are not called directly."""
    assert direct_call(made_of(FIELDS[name]), FIELDS[name]) is None


def test_info_that_does_something_when_it_is_made_is_left_to_the_wrapper() -> None:
    """A class of the schema's own may count its instances; one that changes nothing does not matter."""
    fields = build(Told)._schema.query_type.fields  # type: ignore[union-attr]
    assert direct_call(made_of(fields["plain"]), fields["plain"]) is None
    assert issubclass(Renaming, strawberry.Info)


def test_foreign_resolve_functions_and_classes_are_left_alone() -> None:
    """Nothing is assumed of a resolve function that was replaced, nor of fields and resolvers of other classes."""

    class OwnField(StrawberryField):
        pass

    class OwnResolver(StrawberryResolver[Any]):
        pass

    field = FIELDS["plain"]
    strawberrys = made_of(field)
    assert direct_call(strawberrys, GraphQLField(field.type, resolve=lambda *_: None)) is None
    assert direct_call(strawberrys, GraphQLField(field.type, resolve=print)) is None
    assert direct_call(strawberrys, FIELDS["later"]) is None
    assert direct_call(OwnField(base_resolver=strawberrys.base_resolver), field) is None
    assert direct_call(StrawberryField(base_resolver=OwnResolver(Query.plain)), field) is None


def test_wrapper_that_holds_other_things_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Strawberry whose wrapper has the old name and another inside is not taken for the one that is known."""

    def resolver(*_: Any) -> None:
        pass

    monkeypatch.setattr("engine.inputs.direct.SYNC", resolver.__code__)
    field = FIELDS["plain"]
    assert direct_call(made_of(field), field) is None
    assert direct_call(made_of(field), GraphQLField(field.type, resolve=resolver)) is None


def test_what_is_no_input_is_not_converted() -> None:
    """A type that no argument can have is refused, as Strawberry refuses its values."""
    with pytest.raises(Refused):
        Conversions({}, StrawberryConfig()).of(object)


def test_every_resolver_of_ours_is_called_directly_but_for_subscriptions() -> None:
    """A new version of Strawberry that wraps resolvers otherwise, so that none is recognised, is noticed here."""
    schema: Any = build_schema()._schema
    asked = {
        f"{type_.name}.{name}": direct_call(made_of(field), field)
        for type_ in schema.type_map.values()
        for name, field in getattr(type_, "fields", {}).items()
        if getattr(made_of(field) if field.extensions else None, "base_resolver", None)
    }
    assert {name.partition(".")[0] for name, direct in asked.items() if direct is None} == {"Subscription"}
    assert len(asked) > 100
