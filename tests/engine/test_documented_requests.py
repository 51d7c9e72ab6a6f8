"""What graphql-core's documentation says of requests, of waiting and of subscribing, said of both executors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    build_schema,
    get_introspection_query,
)

from tests.engine.doors import EXECUTORS, Door, told
from tests.engine.loops import VirtualLoop


@pytest.fixture(params=EXECUTORS)
def door(request: pytest.FixtureRequest) -> Door:
    """One of the executors."""
    return Door(request.param)


ASKING = build_schema(
    """
    enum Fruit { APPLE PEAR }
    input Point { x: Int! y: Int = 7 fruits: [Fruit!] }
    type Query {
      say(n: Int, must: Int!, point: Point, points: [Point!]): String
      plain: String other: String strict: String! nested: Query strictly: Query!
    }
    type Subscription { tick(from: Int): Int ticks: String! asleep: Query }
    """
)
SAID = {"say": lambda _info, **given: repr(given), "plain": "p", "other": "o"}


@pytest.mark.parametrize(
    ("selection", "values", "keys"),
    [
        ("plain @include(if: true) other @include(if: false)", {}, ["plain"]),
        ("plain @skip(if: true) other @skip(if: false)", {}, ["other"]),
        ("plain @skip(if: true) @include(if: true)", {}, []),
        ("plain @include(if: $b) other @skip(if: $b)", {"b": True}, ["plain"]),
        ("plain @include(if: $b) other @skip(if: $b)", {"b": False}, ["other"]),
        ("plain @include(if: $b) other @skip(if: $b)", {}, ["plain"]),
        ("... @skip(if: $b) { plain } ...P", {"b": True}, []),
        ("... @skip(if: $b) { plain } ...P", {"b": False}, ["plain", "other"]),
        ("plain @skip(if: true) ... { plain }", {}, ["plain"]),
    ],
)
def test_directives_include_and_skip(door: Door, selection: str, values: Any, keys: list[str]) -> None:
    """Fields and fragments, by constants, by variables and by the defaults of variables."""
    text = f"query ($b: Boolean! = true) {{ {selection} }} fragment P on Query {{ other @skip(if: $b) }}"
    result = door.now(ASKING, text, SAID, variables=values)
    assert list(result.data or {}) == keys
    assert result.errors is None


def test_a_document_is_executed_with_one_set_of_conditions_after_the_other(door: Door) -> None:
    """What one request includes says nothing about the next."""
    text = "query ($a: Boolean!, $b: Boolean!) { plain @include(if: $a) other @skip(if: $b) }"
    answers = [
        list(door.now(ASKING, text, SAID, variables={"a": a, "b": b}).data or {})
        for a in (True, False)
        for b in (True, False)
    ]
    assert answers == [["plain"], ["plain", "other"], [], ["other"]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"m": 1}, "{'must': 1}"),
        ({"m": 1.0, "n": None}, "{'n': None, 'must': 1}"),
        ({"m": 1, "p": {"x": 2}}, "{'must': 1, 'point': {'x': 2, 'y': 7}}"),
        (
            {"m": 1, "p": {"y": None, "x": 2, "fruits": "PEAR"}},
            "{'must': 1, 'point': {'x': 2, 'y': None, 'fruits': ['PEAR']}}",
        ),
        ({"m": 1, "ps": {"x": 2}, "other": 1}, "{'must': 1, 'points': [{'x': 2, 'y': 7}]}"),
    ],
)
def test_variables_are_coerced(door: Door, values: Any, said: str) -> None:
    """By their types, with the defaults of input fields; single values become lists."""
    text = "query ($n: Int, $m: Int!, $p: Point, $ps: [Point!]) { say(n: $n, must: $m, point: $p, points: $ps) }"
    assert door.now(ASKING, text, SAID, variables=values).data == {"say": said}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Variable '$m' has invalid value: Expected a value of non-null type 'Int!' to be provided."),
        ({"m": None}, "Variable '$m' has invalid value: Expected value of non-null type 'Int!' not to be None."),
        ({"m": "1"}, "Variable '$m' has invalid value: Int cannot represent non-integer value: '1'"),
        (
            {"m": 1, "p": 3},
            "Variable '$p' has invalid value: Expected value of type 'Point' to be an object, found: 3.",
        ),
        (
            {"m": 1, "p": {}},
            "Variable '$p' has invalid value: Expected value of type 'Point' to include required field 'x', found: {}.",
        ),
        (
            {"m": 1, "p": {"x": 1, "z": 1}},
            "Variable '$p' has invalid value: Expected value of type 'Point' not to include unknown field 'z'.",
        ),
        (
            {"m": 1, "p": {"x": 1, "fruits": ["FIG"]}},
            "Variable '$p' has invalid value at .fruits[0]: Value 'FIG' does not exist in 'Fruit' enum.",
        ),
    ],
)
def test_variables_that_are_wrong_end_the_request(values: Any, message: str) -> None:
    """With an error at the variable, the same of both; nothing is executed."""
    text = "query ($m: Int!, $p: Point) { say(must: $m, point: $p) }"
    answers = [Door(name).now(ASKING, text, SAID, variables=values) for name in EXECUTORS]
    assert told(answers[0]) == told(answers[1])
    assert [error.formatted for error in answers[0].errors or ()] == [
        error.formatted for error in answers[1].errors or ()
    ]
    assert answers[0].data is answers[1].data is None
    assert told(answers[0])[0][0].startswith(message)
    assert told(answers[0])[0][1] is None


def test_arguments_that_are_wrong_fail_their_field(door: Door) -> None:
    """A variable that is missing where one is needed is an error of the field, which is not resolved."""
    result = door.now(ASKING, "query ($m: Int) { plain say(must: $m) }", SAID)
    assert result.data == {"plain": "p", "say": None}
    message = "Expected variable '$m' provided to type 'Int!' to provide a runtime value."
    assert told(result) == [(f"Argument 'must' has invalid value: {message}", ["say"], [(1, 35)])]


def test_the_operation_is_chosen_by_its_name(door: Door) -> None:
    """One of several; without a name there must be only one."""
    text = "query A { plain } query B { other }"
    assert door.now(ASKING, text, SAID, operation_name="B").data == {"other": "o"}
    options: dict[str, Any] = {"falls_back": ["operation"]}
    assert told(door.now(ASKING, text, SAID, **options)) == [
        ("Must provide operation name if query contains multiple operations.", None, [])
    ]
    assert told(door.now(ASKING, text, SAID, operation_name="C", **options)) == [
        ("Unknown operation named 'C'.", None, [])
    ]
    fragment = "fragment F on Query { plain }"
    assert told(door.now(ASKING, fragment, SAID, **options)) == [("Must provide an operation.", None, [])]


LEAF = "{ leaf }"


def leaf(type_: Any, value: Any) -> GraphQLSchema:
    """A schema with one field of a type."""
    return GraphQLSchema(GraphQLObjectType("Query", {"leaf": GraphQLField(type_, resolve=lambda *_: value)}))


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("Int", 2.0, 2),
        ("Int", True, 1),
        ("Int", "12", 12),
        ("Int", 2**31, None),
        ("Int", 1.5, None),
        ("Float", 3, 3.0),
        ("Float", float("nan"), None),
        ("Float", float("inf"), None),
        ("String", 5, "5"),
        ("String", True, "true"),
        ("String", ["x"], None),
        ("Boolean", 0, False),
        ("Boolean", "x", None),
        ("ID", 7, "7"),
        ("ID", 7.5, None),
    ],
)
def test_scalars_are_written_as_their_type_says(name: str, value: Any, answer: Any) -> None:
    """Or are an error; both executors say the same of it."""
    schema = build_schema(f"type Query {{ leaf: {name} }}")
    results = [Door(executor).now(schema, LEAF, {"leaf": value}) for executor in EXECUTORS]
    for result in results:
        assert result.data == {"leaf": answer}
        assert type((result.data or {})["leaf"]) is type(answer)
        assert bool(result.errors) is (answer is None)
    assert told(results[0]) == told(results[1])


def refuse(_value: Any) -> Any:
    """Serialize nothing."""
    raise GraphQLError("Refused", extensions={"code": "NO"})


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (
            GraphQLScalarType("Nothing", serialize=lambda _value: None),
            "Expected `Nothing.coerce_output_value('v')` to return",
        ),
        (
            GraphQLScalarType("Undef", serialize=lambda _value: Undefined),
            "Expected `Undef.coerce_output_value('v')` to return",
        ),
        (GraphQLScalarType("Never", serialize=refuse), "Refused"),
        (GraphQLEnumType("Fruit", {"APPLE": 1}), "Enum 'Fruit' cannot represent value: 'v'"),
    ],
)
def test_leaves_that_cannot_be_written_are_errors(door: Door, type_: Any, message: str) -> None:
    """Whether their type raises or gives nothing."""
    result = door.now(leaf(type_, "v"), LEAF)
    assert result.data == {"leaf": None}
    assert told(result)[0][0].startswith(message)
    assert ((result.errors or [])[0].extensions or {}) == ({"code": "NO"} if message == "Refused" else {})


def test_errors_keep_what_they_are(door: Door) -> None:
    """An error with a path or nodes of its own has them still; others are located. Exceptions may be returned."""
    own = GraphQLError("own", path=["elsewhere"], extensions={"a": 1})
    cause = KeyError("key")
    result = door.now(
        ASKING, "{ plain other a: nested { plain } }", {"plain": own, "other": cause, "nested": ValueError()}
    )
    assert told(result) == [("own", ["elsewhere"], []), ("'key'", ["other"], [(1, 9)]), ("", ["a"], [(1, 15)])]
    errors = result.errors or []
    assert errors[0] is own
    assert errors[1].original_error is cause
    assert [error.extensions for error in errors] == [{"a": 1}, {}, {}]


async def test_fields_are_resolved_in_parallel(door: Door) -> None:
    """Each is begun before the first has ended; the answer keeps the order of the document."""
    barrier = asyncio.Barrier(3)

    async def meets(info: Any) -> str:
        await barrier.wait()
        return str(info.path.key)

    root = {"plain": meets, "other": meets, "nested": {"plain": meets}}
    async with asyncio.timeout(5):
        result = await door.later(ASKING, "{ plain nested { plain } other }", root)
    assert list((result.data or {}).items()) == [("plain", "plain"), ("nested", {"plain": "plain"}), ("other", "other")]


async def test_a_single_promise_makes_no_task(door: Door) -> None:
    """What is awaited alone is awaited where it stands; two make two tasks."""
    loop = VirtualLoop()

    async def waits(_info: Any) -> str:
        await asyncio.sleep(0)
        return "w"

    counts = []
    for text in ("{ plain nested { other } }", "{ plain nested { plain } }"):
        root = {"plain": waits, "other": "o", "nested": {"plain": waits, "other": "o"}}
        loop.begin()
        await asyncio.to_thread(lambda text=text, root=root: loop.run_until_complete(door(ASKING, text, root)))  # type: ignore[misc]
        counts.append(loop.tasks)
    loop.close()
    assert counts == [1, 3]


async def test_what_fails_at_once_does_not_wait_for_others(door: Door) -> None:
    """The others are brought to their end all the same, and nobody hears of their errors."""
    ended: list[str] = []

    async def slow(_info: Any) -> None:
        await asyncio.sleep(0.01)
        ended.append("slow")
        raise ValueError("too late")

    result = door.now(ASKING, "{ plain strict }", {"plain": slow, "strict": None})
    assert result.data is None
    assert told(result) == [("Cannot return null for non-nullable field Query.strict.", ["strict"], [(1, 9)])]
    assert ended == []
    await asyncio.wait([task for task in asyncio.all_tasks() if task is not asyncio.current_task()])
    assert ended == ["slow"]


async def test_what_fails_later_cancels_others(door: Door) -> None:
    """A sibling of what makes the parent null is cancelled."""
    events: list[str] = []

    async def slow(_info: Any) -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    async def fails(_info: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    result = await door.later(ASKING, "{ plain strict }", {"plain": slow, "strict": fails})
    assert (result.data, told(result)) == (None, [("no", ["strict"], [(1, 9)])])
    assert events == ["cancelled"]


async def test_a_cancelled_request_cancels_what_runs(door: Door) -> None:
    """Whoever does not want the answer any more stops all that is resolved for it."""
    events: list[str] = []
    begun = asyncio.Barrier(3)

    async def slow(info: Any) -> None:
        try:
            await begun.wait()
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            events.append(f"{info.path.key} cancelled")
            raise

    task = asyncio.create_task(
        door.later(ASKING, "{ plain nested { other } }", {"plain": slow, "nested": {"other": slow}})
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(events) == ["other cancelled", "plain cancelled"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_introspection_is_answered(door: Door) -> None:
    """The same answer as ever, of any length."""
    found = door.now(ASKING, get_introspection_query(input_value_deprecation=True))
    expected = Door("interpreted").now(ASKING, get_introspection_query(input_value_deprecation=True))
    assert found.errors is None
    assert repr(found.data) == repr(expected.data)
    named = door.now(
        ASKING,
        '{ __typename point: __type(name: "Point") { inputFields { name defaultValue } } __type(name: "X") { name } }',
    )
    fields = [
        {"name": "x", "defaultValue": None},
        {"name": "y", "defaultValue": "7"},
        {"name": "fruits", "defaultValue": None},
    ]
    assert named.data == {"__typename": "Query", "point": {"inputFields": fields}, "__type": None}


async def ticking(*events: Any) -> AsyncGenerator[Any]:
    """A source of events; it fails where an event is an exception."""
    for event in events:
        await asyncio.sleep(0)
        if isinstance(event, Exception):
            raise event
        yield event


async def test_each_event_is_executed(door: Door) -> None:
    """With the event as its root, for itself; the stream ends as its source does."""
    source = ticking({"tick": 1}, {"tick": "x"}, {"tick": lambda _info, **given: given["from"]})
    stream = await door.subscribed(
        ASKING, "subscription ($f: Int) { t: tick(from: $f) }", {"tick": lambda _info, **_: source}, f=5
    )
    results: list[ExecutionResult] = [result async for result in stream]
    assert [result.data for result in results] == [{"t": 1}, {"t": None}, {"t": 5}]
    assert [told(result) for result in results] == [
        [],
        [("Int cannot represent non-integer value: 'x'", ["t"], [(1, 26)])],
        [],
    ]


async def test_an_event_that_fails_is_null_and_the_next_is_not(door: Door) -> None:
    """Where an event must not be null, the data of that event is."""

    async def strict(_info: Any) -> str:
        await asyncio.sleep(0)
        raise ValueError("no")

    source = ticking({"ticks": strict}, {"ticks": "fine"})
    stream = await door.subscribed(ASKING, "subscription { ticks }", {"ticks": lambda _info: source})
    results: list[ExecutionResult] = [result async for result in stream]
    assert [result.data for result in results] == [None, {"ticks": "fine"}]
    assert told(results[0]) == [("no", ["ticks"], [(1, 16)])]


async def test_a_source_that_fails_ends_the_stream(door: Door) -> None:
    """What the source raises reaches whoever listens, after the events before it."""
    source = ticking({"tick": 1}, ValueError("broken"))
    stream = await door.subscribed(ASKING, "subscription { tick }", {"tick": lambda _info: source})
    assert (await anext(stream)).data == {"tick": 1}
    with pytest.raises(ValueError, match="broken"):
        await anext(stream)


async def test_what_is_no_source_is_an_error(door: Door) -> None:
    """A resolver that fails, or gives no stream, or variables that are wrong."""

    def fails(_info: Any) -> None:
        raise ValueError("no source")

    result = await door.subscribed(ASKING, "subscription { tick }", {"tick": fails})
    assert told(result) == [("no source", ["tick"], [(1, 16)])]
    result = await door.subscribed(ASKING, "subscription { tick }", {"tick": lambda _info: 5})
    assert told(result)[0][0].startswith("Subscription field must return AsyncIterable.")
    result = await door.subscribed(
        ASKING, "subscription ($f: Int!) { tick(from: $f) }", {"tick": lambda _info, **_: None}
    )
    assert told(result)[0][0].startswith("Variable '$f' has invalid value")


async def test_a_stream_that_is_left_closes_its_source(door: Door) -> None:
    """Whoever stops listening stops the source."""
    closed: list[bool] = []

    async def source() -> AsyncGenerator[Any]:
        try:
            while True:
                await asyncio.sleep(0)
                yield {"tick": 1}
        finally:
            closed.append(True)

    stream = await door.subscribed(ASKING, "subscription { tick }", {"tick": lambda _info: source()})
    assert (await anext(stream)).data == {"tick": 1}
    await stream.aclose()
    assert closed == [True]


def test_deeply_nested_selections_are_refused_alike() -> None:
    """A fragment within a fragment, three thousand times, ends both executors in the same way."""
    parts = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(3000))
    text = f"{{ ...F0 }} {parts} fragment F3000 on Query {{ plain }}"
    answers = [told(Door(name).now(ASKING, text, SAID, falls_back=["size"])) for name in EXECUTORS]
    assert answers[0] == answers[1] == [("Selections are nested too deeply. Execution aborted.", None, [(1, 1)])]


def test_a_type_that_nobody_serves_is_an_error(door: Door) -> None:
    """A mutation where there is none."""
    schema = GraphQLSchema(GraphQLObjectType("Query", {"a": GraphQLField(GraphQLString)}))
    result = door.now(schema, "mutation { a }", falls_back=["operation"])
    assert told(result) == [("Schema is not configured to execute mutation operation.", None, [(1, 1)])]
