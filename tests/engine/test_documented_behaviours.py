"""What graphql-core's documentation says of execution, said of both executors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    build_schema,
)

from tests.engine.doors import EXECUTORS, Door, told


@pytest.fixture(params=EXECUTORS)
def door(request: pytest.FixtureRequest) -> Door:
    """One of the executors."""
    return Door(request.param)


def later(value: Any, turns: int = 1) -> Any:
    """A coroutine that gives a value, or raises it if it is an exception."""

    async def waits() -> Any:
        for _ in range(turns):
            await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    return waits()


def at_once(value: Any) -> Any:
    """The value itself."""
    return value


DEEP = build_schema(
    """
    type Query { a: String b: String deep: Deep promise: Deep number(n: Int = 3): Int }
    type Deep { a: String c: String deeper: [Deep] self: Deep }
    """
)


async def test_arbitrary_code_is_executed(door: Door) -> None:
    """Methods, coroutines, lists and objects in objects are resolved to any depth."""
    deep: dict[str, Any] = {"a": lambda _info: "Already", "c": lambda _info: later("Contrived")}
    deep["deeper"] = lambda _info: [deep, None, later(deep)]
    root = {"a": lambda _info: "Apple", "b": "Banana", "promise": lambda _info: later(deep, 3), "deep": deep}
    query = "{ a b x: b ...Part promise { a } } fragment Part on Query { deep { a c deeper { a c } } }"
    result = await door.later(DEEP, query, root)
    inner = {"a": "Already", "c": "Contrived"}
    assert result.errors is None
    assert result.data == {
        "a": "Apple",
        "b": "Banana",
        "x": "Banana",
        "deep": {"a": "Already", "c": "Contrived", "deeper": [inner, None, inner]},
        "promise": {"a": "Already"},
    }


def test_parallel_fragments_are_merged(door: Door) -> None:
    """A field in several fragments is resolved once, with all that is selected below it, in order of appearance."""
    calls: list[str] = []

    def deep(info: GraphQLResolveInfo[Any]) -> Any:
        calls.append(info.field_name)
        return {"a": "Apple", "c": "Cherry", "self": {"a": "Core"}}

    query = """{ a ...One ...Two } fragment One on Query { deep { c self { a } } }
    fragment Two on Query { b deep { a self { c a } } }"""
    result = door.now(DEEP, query, {"deep": deep, "a": "x", "b": "y"})
    assert list(result.data or {}) == ["a", "deep", "b"]
    assert result.data == {"a": "x", "deep": {"c": "Cherry", "self": {"a": "Core", "c": None}, "a": "Apple"}, "b": "y"}
    assert list(result.data["deep"]) == ["c", "self", "a"]
    assert calls == ["deep"]


def test_resolvers_are_told_about_the_execution(door: Door) -> None:
    """`info` has the field, its nodes, types, path, operation, fragments, variables, root and context."""
    seen: list[GraphQLResolveInfo[Any]] = []

    def note(_source: Any, info: GraphQLResolveInfo[Any]) -> str:
        seen.append(info)
        return "noted"

    inner = GraphQLObjectType("Inner", {"note": GraphQLField(GraphQLNonNull(GraphQLString), resolve=note)})
    query = GraphQLObjectType("Query", {"list": GraphQLField(GraphQLList(inner))})
    schema, context = GraphQLSchema(query), {"who": "ada@example.com"}
    root: dict[str, Any] = {"list": [{}, {}]}
    text = """query Q($v: String = "4") { l: list { n: note } ...F @include(if: true) l: list { n: note } }
    fragment F on Query { l: list { __typename @skip(if: false) } }"""
    result = door.now(schema, text, root, context=context)
    assert result.data == {"l": [{"n": "noted", "__typename": "Inner"}] * 2}
    info = seen[1]
    assert info.field_name == "note"
    assert [node.loc.start for node in info.field_nodes if node.loc] == [38, 82]
    assert str(info.return_type) == "String!"
    assert info.parent_type is inner
    assert info.path.as_list() == ["l", 1, "n"]
    assert [info.path.typename, info.path.prev.typename, info.path.prev.prev.typename] == ["Inner", None, "Query"]  # type: ignore[union-attr]
    assert info.schema is schema
    assert list(info.fragments) == ["F"]
    assert info.root_value is root
    assert info.operation.name
    assert info.operation.name.value == "Q"
    assert info.variable_values.coerced == {"v": "4"}
    assert info.context is context
    assert not info.is_awaitable(1)
    assert info.abort_signal is None
    assert info.async_helpers == seen[0].async_helpers
    assert type(info).__name__ == "GraphQLResolveInfo"


def test_arguments_reach_resolvers(door: Door) -> None:
    """As keywords, by their outer or inner name, with defaults; what is not given is not there."""
    seen: list[dict[str, Any]] = []

    def resolve(_source: Any, _info: Any, **arguments: Any) -> int:
        seen.append(arguments)
        return len(arguments)

    arguments = {
        "a": GraphQLArgument(GraphQLInt),
        "b": GraphQLArgument(GraphQLInt, default_value=2),
        "c": GraphQLArgument(GraphQLList(GraphQLInt), out_name="many"),
    }
    schema = GraphQLSchema(GraphQLObjectType("Query", {"f": GraphQLField(GraphQLInt, arguments, resolve)}))
    text = "query ($c: [Int], $a: Int) { none: f one: f(a: 1, c: 7) null: f(a: null, b: null) given: f(a: $a, c: $c) }"
    result = door.now(schema, text, variables={"c": [5, None]})
    assert result.data == {"none": 1, "one": 3, "null": 2, "given": 2}
    assert seen == [{"b": 2}, {"a": 1, "b": 2, "many": [7]}, {"a": None, "b": None}, {"b": 2, "many": [5, None]}]


NULLABLE = build_schema(
    """
    type Query { sync: String nest: Nest nestNonNull: Nest! list: [String] strict: [String!]! }
    type Nest { sync: String syncNonNull: String! nest: Nest nestNonNull: Nest! }
    """
)


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_null_climbs_to_the_next_nullable_position(door: Door, when: str) -> None:
    """Where null is allowed it stays; where not, the parent is null, up to the whole data."""
    promised = when == "later"
    wrap = later if promised else at_once
    nest = {"sync": wrap(ValueError("bad")) if promised else ValueError("bad"), "syncNonNull": "fine"}
    found = door(NULLABLE, "{ nest { sync syncNonNull } }", {"nest": nest})
    result = await found if promised else found
    assert result.data == {"nest": {"sync": None, "syncNonNull": "fine"}}
    assert told(result) == [("bad", ["nest", "sync"], [(1, 10)])]

    nest = {"nestNonNull": {"nestNonNull": {"syncNonNull": wrap(None)}}}
    found = door(NULLABLE, "{ nest { nestNonNull { nestNonNull { syncNonNull } } } }", {"nest": nest})
    result = await found if promised else found
    assert result.data == {"nest": None}
    message = "Cannot return null for non-nullable field Nest.syncNonNull."
    assert told(result) == [(message, ["nest", "nestNonNull", "nestNonNull", "syncNonNull"], [(1, 38)])]

    found = door(
        NULLABLE, "{ sync nestNonNull { syncNonNull } }", {"sync": "x", "nestNonNull": {"syncNonNull": wrap(None)}}
    )
    result = await found if promised else found
    assert result.data is None
    assert told(result) == [(message, ["nestNonNull", "syncNonNull"], [(1, 22)])]


@pytest.mark.parametrize(
    ("items", "answer", "errors"),
    [
        (["a", None], ["a", None], []),
        (("a",), ["a"], []),
        ((letter for letter in "ab"), ["a", "b"], []),
        ([Ellipsis], [None], [("String cannot represent value: <ellipsis instance>", ["list", 0])]),
        ([ValueError("bad"), "b"], [None, "b"], [("bad", ["list", 0])]),
        ("text", None, [("Expected Iterable, but did not find one for field 'Query.list'.", ["list"])]),
        ({"a": 1}, None, [("Expected Iterable, but did not find one for field 'Query.list'.", ["list"])]),
        (7, None, [("Expected Iterable, but did not find one for field 'Query.list'.", ["list"])]),
    ],
    ids=["list", "tuple", "generator", "wrong-item", "failed-item", "string", "mapping", "number"],
)
def test_lists_are_whatever_can_be_iterated(items: Any, answer: Any, errors: Any) -> None:
    """But strings and mappings; an item that fails is null where null is allowed. Generators run once, so both here."""
    kept = list(items) if isinstance(items, Iterator) else items
    for name in EXECUTORS:
        given = (item for item in kept) if isinstance(items, Iterator) else kept
        result = Door(name).now(NULLABLE, "{ list }", {"list": given})
        assert result.data == {"list": answer}
        assert [(message, path) for message, path, _ in told(result)] == errors


async def test_items_may_be_promised(door: Door) -> None:
    """Promised items are awaited together, and their order is that of the list."""
    result = await door.later(
        NULLABLE, "{ list }", {"list": ["a", later("b", 3), later(ValueError("bad")), later(None)]}
    )
    assert result.data == {"list": ["a", "b", None, None]}
    assert told(result) == [("bad", ["list", 2], [(1, 3)])]


async def test_lists_may_come_asynchronously(door: Door) -> None:
    """An asynchronous generator is read to its end, and closed when an item makes its list null."""
    events: list[str] = []

    async def letters(*given: Any) -> AsyncGenerator[Any]:
        try:
            for letter in given:
                await asyncio.sleep(0)
                yield letter
        finally:
            events.append("closed")

    result = await door.later(NULLABLE, "{ list }", {"list": letters("a", None, later("c"))})
    assert result.data == {"list": ["a", None, "c"]}
    assert events == ["closed"]
    result = await door.later(NULLABLE, "{ sync strict }", {"strict": letters("a", None, "c"), "sync": "s"})
    assert result.data is None
    assert told(result) == [("Cannot return null for non-nullable field Query.strict.", ["strict", 1], [(1, 8)])]
    assert events == ["closed", "closed"]


def pets(*, resolve_type: Any = None, dog: Any = None, cat: Any = None) -> GraphQLSchema:
    """Dogs and cats, which are pets by their interface and companions by their union."""
    pet = GraphQLInterfaceType("Pet", {"name": GraphQLField(GraphQLString)}, resolve_type=resolve_type)
    name = {"name": GraphQLField(GraphQLString)}
    dogs = GraphQLObjectType("Dog", {**name, "barks": GraphQLField(GraphQLString)}, [pet], is_type_of=dog)
    cats = GraphQLObjectType("Cat", {**name, "meows": GraphQLField(GraphQLString)}, [pet], is_type_of=cat)
    companion = GraphQLUnionType("Companion", [dogs, cats], resolve_type=resolve_type)
    fields = {"pets": GraphQLField(GraphQLList(pet)), "companions": GraphQLField(GraphQLList(companion))}
    return GraphQLSchema(GraphQLObjectType("Query", fields), types=[dogs, cats])


REX, TOM = SimpleNamespace(kind="Dog", name="Rex", barks="woof"), SimpleNamespace(kind="Cat", name="Tom", meows="purr")
PETS = """{ pets { __typename name ... on Dog { barks } ...Cats } companions { ... on Pet { name } ...Cats } }
fragment Cats on Cat { meows }"""
ANSWER = {
    "pets": [
        {"__typename": "Dog", "name": "Rex", "barks": "woof"},
        {"__typename": "Cat", "name": "Tom", "meows": "purr"},
    ],
    "companions": [{"name": "Tom", "meows": "purr"}, {"name": "Rex"}],
}
AT_HOME = {"pets": [REX, TOM], "companions": [TOM, REX]}


def kind_of(value: Any, _info: Any, _type: Any) -> Any:
    return value.kind


@pytest.mark.parametrize("way", ["resolve_type", "is_type_of", "typename"])
def test_abstract_types_are_resolved_at_once(door: Door, way: str) -> None:
    """By `resolve_type`, by `is_type_of`, or by what the value says itself."""
    root: Any = AT_HOME
    if way == "resolve_type":
        schema = pets(resolve_type=kind_of)
    elif way == "is_type_of":
        schema = pets(dog=lambda value, _info: value.kind == "Dog", cat=lambda value, _info: value.kind == "Cat")
    else:
        schema = pets()
        root = {key: [{"__typename": pet.kind, **vars(pet)} for pet in found] for key, found in AT_HOME.items()}
    assert door.now(schema, PETS, root).data == ANSWER


@pytest.mark.parametrize("way", ["resolve_type", "is_type_of", "mixed"])
async def test_abstract_types_are_resolved_later(door: Door, way: str) -> None:
    """The same where the answer is awaited, or that of some types."""

    def is_kind(kind: str) -> Any:
        return lambda value, _info: later(value.kind == kind)

    schemas = {
        "resolve_type": lambda: pets(resolve_type=lambda value, _info, _type: later(value.kind)),
        "is_type_of": lambda: pets(dog=is_kind("Dog"), cat=is_kind("Cat")),
        "mixed": lambda: pets(dog=is_kind("Dog"), cat=lambda value, _info: value.kind == "Cat"),
    }
    assert (await door.later(schemas[way](), PETS, AT_HOME)).data == ANSWER


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            None,
            "Abstract type 'Pet' must resolve to an Object type at runtime for field 'Query.pets'. Either the 'Pet'",
        ),
        (3, "Abstract type 'Pet' must resolve to an Object type at runtime for field 'Query.pets' with value"),
        ("Nobody", "Abstract type 'Pet' was resolved to a type 'Nobody' that does not exist inside the schema."),
        ("String", "Abstract type 'Pet' was resolved to a non-object type 'String'."),
        ("Query", "Runtime Object type 'Query' is not a possible type for 'Pet'."),
        (ValueError("cannot tell"), "cannot tell"),
    ],
)
async def test_wrong_types_are_errors(door: Door, answer: Any, message: str) -> None:
    """Of the item, whether they come at once or later."""

    def resolve(*_: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    now = door.now(pets(resolve_type=resolve), "{ pets { name } }", {"pets": [REX]})
    then = await door.later(pets(resolve_type=lambda *_: later(answer)), "{ pets { name } }", {"pets": [REX]})
    for result in (now, then):
        assert result.data == {"pets": [None]}
        ((told_message, path, places),) = told(result)
        assert told_message.startswith(message)
        assert (path, places) == (["pets", 0], [(1, 3)])


def test_a_value_of_another_type_is_an_error(door: Door) -> None:
    """`is_type_of` is asked about the value of an object type, too."""
    schema = pets(resolve_type=lambda *_: "Dog", dog=lambda value, _info: value.kind == "Dog")
    result = door.now(schema, "{ pets { name } }", {"pets": [TOM, REX]})
    assert result.data == {"pets": [None, {"name": "Rex"}]}
    assert told(result)[0][0].startswith("Expected value of type 'Dog' but got: ")


COUNTER = build_schema("type Query { n: Int } type Mutation { first: Int second: Int fails: Int third: Int! }")


async def test_mutations_are_executed_in_turn(door: Door) -> None:
    """Each begins when the one before has ended, also if that has failed."""
    events: list[str] = []

    def mutates(name: str, value: Any, turns: int) -> Any:
        async def run(_info: Any) -> Any:
            events.append(f"{name} begins")
            result = await later(None, turns)
            events.append(f"{name} ends")
            if isinstance(value, Exception):
                raise value
            return value if result is None else result

        return run

    def at_once(_info: Any) -> int:
        events.append("second")
        return 2

    root = {"first": mutates("first", 1, 5), "second": at_once, "fails": mutates("fails", ValueError("no"), 3)}
    root["third"] = mutates("third", 3, 1)
    result = await door.later(COUNTER, "mutation { first second fails third again: first }", root)
    assert list((result.data or {}).items()) == [
        ("first", 1),
        ("second", 2),
        ("fails", None),
        ("third", 3),
        ("again", 1),
    ]
    assert told(result) == [("no", ["fails"], [(1, 25)])]
    expected = ["first begins", "first ends", "second", "fails begins", "fails ends", "third begins", "third ends"]
    assert events == [*expected, "first begins", "first ends"]


async def test_a_mutation_that_must_not_fail_ends_the_operation(door: Door) -> None:
    """What stands after it is not executed, and all data is null."""
    events: list[str] = []
    root = {"third": lambda _info: later(None), "first": lambda _info: events.append("first")}
    result = await door.later(COUNTER, "mutation { third first }", root)
    assert result.data is None
    assert told(result) == [("Cannot return null for non-nullable field Mutation.third.", ["third"], [(1, 12)])]
    assert events == []


def test_mutations_at_once_stay_synchronous(door: Door) -> None:
    """Nothing is awaited where nothing has to be."""
    assert door.now(COUNTER, "mutation { second first }", {"first": 1, "second": lambda _info: 2}).data == {
        "second": 2,
        "first": 1,
    }
