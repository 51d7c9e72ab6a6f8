"""What is compiled, what is left to graphql-core and why, and what stays within bounds. Agreement is the oracle's."""

import asyncio
import inspect
from collections import UserList
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Any, Generic, TypeVar

import pytest
import strawberry
from graphql import DocumentNode, GraphQLSchema, build_schema, execute, get_introspection_query, parse
from graphql.execution import Executor
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as StrawberryExecutor

from engine import extension
from engine.engine import Engine
from engine.errors import Unsupported
from engine.extension import CompiledExecution

T = TypeVar("T")

SCHEMA = build_schema("""
    interface Named { name: String }
    type Person implements Named { name: String id: ID! friend: Person friends(first: Int = 2): [Person!] run: Float }
    type Query { person: Person named: Named words: [String!]! grid: [[Int]] }
    type Mutation { first: Int second: Int }
""")


class Reasons(UserList[str]):
    """Why operations fell back."""

    def both(self, schema: GraphQLSchema, text: str, root: Any = None, **given: Any) -> Any:
        """The result of the engine, which has to be that of graphql-core."""
        document = parse(text)
        expected: Any = execute(schema, document, root_value=root, **given)
        got = Engine(schema, threshold=1).execute(document, root_value=root, fell_back=self.append, **given)
        assert got == expected
        assert [error.nodes for error in got.errors or ()] == [error.nodes for error in expected.errors or ()]
        return got


@pytest.fixture
def reasons() -> Reasons:
    return Reasons()


def test_names_of_a_document_cannot_meet_those_of_the_code(reasons: Reasons) -> None:
    """Whatever response keys are called, the code means what it says."""
    ada = {"id": "1", "name": "Ada", "run": 2.5}
    text = """{ run: person { source: id path: name late: run expected: id inf: run type: name dict: id id_: id id
        person_2: name gathered: name class: id __debug__: id error: name Person: name friend { friend { id } }
        friend_id: name friend_friend: name friend_friend_id: id } PLAIN: words values: words all_of_3: words }"""
    result = reasons.both(SCHEMA, text, {"person": {**ada, "friend": {"friend": ada}}, "words": ["a"]})
    assert result.errors is None
    assert result.data["run"]["friend"] == {"friend": {"id": "1"}}
    assert not reasons


@pytest.mark.parametrize(
    ("text", "variables", "reason"),
    [
        ("{ ... @defer(if: false) { words } }", None, "incremental"),
        ("query @experimental_disableErrorPropagation { words }", None, "propagation"),
        ("query ($if: Boolean = true) { words @skip(if: $if) }", {"if": None}, "conditions"),
        ("query ($if: Boolean) { words @include(if: $if) }", {}, "conditions"),
        ("{ words @include(if: 3) }", None, "conditions"),
        ("{ " + " ".join(f"w{n}: words @skip(if: $v{n})" for n in range(7)) + " }", None, "conditions"),
        ("{ words } query Two { words }", None, "operation"),
        ("query One { words }", None, "operation"),
        ("subscription { words }", None, "operation"),
        ("{ " + " ".join(f"p{n}: person {{ friend {{ friends {{ id }} }} }}" for n in range(250)) + " }", None, "size"),
        ("{ person { ...A } } fragment A on Person { a: friend { ...A } }", None, "size"),
    ],
)
def test_what_is_not_compiled_is_left_to_graphql_core(
    reasons: Reasons, text: str, variables: dict[str, Any] | None, reason: str
) -> None:
    """Each with its reason, and with graphql-core's own answer or error."""
    name = "Other" if text.startswith("query One") else None
    reasons.both(SCHEMA, text, {"words": ["a"]}, variable_values=variables, operation_name=name)
    assert reasons == [reason]
    with pytest.raises(Unsupported):
        Engine(SCHEMA).source(parse(text), name, variables)


def test_a_fragment_with_variables_is_left_to_graphql_core(reasons: Reasons) -> None:
    """The fragments of the next specification are graphql-core's."""
    text = "{ person { ...P(x: 3) } } fragment P($x: Int) on Person { friends(first: $x) { id } }"
    document = parse(text, experimental_fragment_arguments=True)
    Engine(SCHEMA, threshold=1).execute(document, fell_back=reasons.append)
    assert reasons == ["fragments"]


def test_a_schema_that_defers_is_left_to_graphql_core(reasons: Reasons) -> None:
    """It refuses to execute such a schema without incremental delivery."""
    schema = build_schema("directive @defer on FIELD type Query { a: Int }")
    with pytest.raises(Exception, match="unexpectedly contains experimental directives"):
        Engine(schema, threshold=1).execute(parse("{ a }"), fell_back=reasons.append)
    assert reasons == ["incremental"]


def test_an_executor_of_another_kind_executes_itself(reasons: Reasons) -> None:
    """A class that completes values in its own way is asked for each."""

    class Loud(Executor[Any]):
        def complete_leaf_value(self, return_type: Any, result: Any) -> Any:  # type: ignore[override]
            return super().complete_leaf_value(return_type, result).upper()

    engine = Engine(SCHEMA, threshold=1, executor_class=Loud)
    assert engine.execute(parse("{ words }"), root_value={"words": ["a"]}, fell_back=reasons.append).data == {
        "words": ["A"]
    }
    assert reasons == ["executor"]


def test_what_fails_to_compile_is_executed_all_the_same(
    reasons: Reasons, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of the compiler is a line in the log, once, and never an error of a request."""
    engine, document = Engine(SCHEMA, threshold=1), parse("{ words }")
    monkeypatch.setattr("engine.plans.Compiler.compile", lambda _: 1 / 0)
    for _ in range(2):
        assert engine.execute(document, root_value={"words": ["a"]}, fell_back=reasons.append).data == {"words": ["a"]}
    assert reasons == ["failed", "failed"]
    assert [record.message for record in caplog.records] == ["An operation could not be compiled"]
    assert engine.plan(document, None, None) is None


def test_values_that_are_not_as_expected_are_completed_by_graphql_core(reasons: Reasons) -> None:
    """Wrong, foreign and null values, in lists and out of them, give what they always gave."""

    class Somebody:
        id = 5
        name = "Somebody"
        friend = None

        def friends(self, _info: Any, first: int) -> list[Any]:
            return [{"id": str(first)}, self, None]

    text = "{ person { name id friends { id name } friend { id } run } grid words }"
    for person in (
        Somebody(),
        {"name": ["x"], "id": "1"},
        {"id": None},
        {"id": "1", "friend": {"id": Exception("no")}},
    ):
        for grid in ([[1, None], None], [["x"]], (), "no list", {"a": 1}):
            for words in (("a",), ["a", 5], ["a", None], 7):
                reasons.both(SCHEMA, text, {"person": person, "grid": grid, "words": words})
    assert not reasons


def test_mutations_run_in_turn_and_so_does_what_is_asked_to() -> None:
    """One root field begins when the one before it has ended."""
    began: list[str] = []

    async def first(_info: Any) -> int:
        began.append("first")
        await asyncio.sleep(0)
        began.append("first ends")
        return 1

    async def second(_info: Any) -> int:
        began.append("second")
        return await asyncio.sleep(0, 2)

    root = {"first": first, "second": second}

    async def run(**given: Any) -> Any:
        return await Engine(SCHEMA, threshold=1).execute(parse("mutation { first second }"), root_value=root, **given)

    assert asyncio.run(run()).data == {"first": 1, "second": 2}
    assert began == ["first", "first ends", "second"]
    began.clear()
    assert asyncio.run(run(serially=False)).data == {"first": 1, "second": 2}
    assert began == ["first", "second", "first ends"]


def test_a_document_is_compiled_at_its_second_execution(reasons: Reasons) -> None:
    """The first costs nothing but itself, and counts as a reason; a plan for events counts as an execution."""
    engine, document = Engine(SCHEMA), parse("{ words }")
    for _ in range(3):
        assert engine.execute(document, root_value={"words": ["a"]}, fell_back=reasons.append).data == {"words": ["a"]}
    assert reasons == ["first"]
    other = parse("{ words }")
    assert engine.plan(other, None, None) is None
    plan = engine.plan(other, None, None)
    assert plan is not None
    assert plan is engine.plan(other, None, None)


def test_each_value_of_a_condition_has_its_plan(reasons: Reasons) -> None:
    """Code holds no conditions: a plan is for their values, with the fields that these select."""
    engine = Engine(SCHEMA, threshold=1)
    document = parse("query ($if: Boolean = true) { words @include(if: $if) grid }")
    root = {"words": ["a"], "grid": []}
    for _ in range(2):
        assert engine.execute(document, root_value=root).data == {"words": ["a"], "grid": []}
        assert engine.execute(document, root_value=root, variable_values={"if": False}).data == {"grid": []}
    assert "words" not in engine.source(document, None, {"if": False})
    wrong = engine.execute(document, variable_values={"if": 3}, fell_back=reasons.append)
    assert [error.message for error in wrong.errors] == [
        "Variable '$if' has invalid value: Boolean cannot represent a non boolean value: 3"
    ]
    with pytest.raises(Unsupported, match="variables"):
        engine.source(document, None, {"if": 3})
    assert engine.plan(document, None, {"if": 3}) is None
    assert not reasons


def test_introspection_is_interpreted_beside_compiled_fields(reasons: Reasons) -> None:
    """What describes the schema is asked once, by tools: its code would be long and seldom run."""
    reasons.both(SCHEMA, get_introspection_query())
    reasons.both(SCHEMA, '{ words __type(name: "Person") { fields { name } } __typename }', {"words": ["a"]})
    assert not reasons
    assert Engine(SCHEMA).source(parse(get_introspection_query())).count("\n") < 20


@strawberry.interface
class Shape:
    """An interface of Strawberry's."""

    sides: int


@strawberry.type
class Square(Shape):
    """Is known by its class."""


@strawberry.type
class Circle:
    """Has a resolver beside what it holds."""

    radius: float

    @strawberry.field
    async def area(self, info: strawberry.Info) -> float:
        return self.radius * float(info.context["pi"])


class Lookalike(Square):
    """Is a square, but not by its very class."""


@strawberry.type
class Drawing:
    """What is asked for."""

    @strawberry.field
    def shapes(self) -> list[Shape]:
        marked = Square(sides=5)
        strawberry.cast(Square, marked)
        return [Square(sides=4), Lookalike(sides=4), marked]

    @strawberry.field
    async def either(self, sides: int = 0) -> Square | Circle | None:
        return Square(sides=sides) if sides else Circle(radius=2.0)


class Noting(SchemaExtension):
    """Sees each field resolved."""

    seen: list[str]

    def resolve(self, _next: Any, root: Any, info: Any, *args: str, **kwargs: Any) -> Any:
        self.seen.append(info.field_name)
        return _next(root, info, *args, **kwargs)


def engaged(*extensions: Any) -> tuple[strawberry.Schema, Reasons]:
    """A schema with the engine, and why it falls back."""
    reasons = Reasons()

    class Counted(CompiledExecution):
        def fell_back(self, reason: str) -> None:
            reasons.append(reason)

    return strawberry.Schema(Drawing, extensions=[*extensions, Counted], types=[Square]), reasons


async def test_the_extension_executes_what_strawberry_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answer, from code at the second time; awaited where a resolver is."""
    monkeypatch.setattr("engine.extension.THRESHOLD", 2)
    text = """{ shapes { sides ... on Square { __typename } } either { ... on Circle { radius area } }
        no: either(sides: 4) { __typename } }"""
    plain = await strawberry.Schema(Drawing, types=[Square]).execute(text, context_value={"pi": 3})
    document_cache: dict[str, DocumentNode] = {text: parse(text)}

    class Parsed(SchemaExtension):
        def on_parse(self) -> Any:
            self.execution_context.graphql_document = document_cache[text]
            yield

    monkeypatch.setattr(extension, "THRESHOLD", 2)
    schema, reasons = engaged(Parsed)
    for _ in range(3):
        result = await schema.execute(text, context_value={"pi": 3})
        assert (result.data, result.errors) == (plain.data, None)
    assert plain.data == {
        "shapes": [
            {"sides": 4, "__typename": "Square"},
            {"sides": 4, "__typename": "Square"},
            {"sides": 5, "__typename": "Square"},
        ],
        "either": {"radius": 2.0, "area": 6.0},
        "no": {"__typename": "Square"},
    }
    assert reasons == ["first"]


async def test_an_extension_that_sees_fields_is_not_passed_by() -> None:
    """Middleware is called for each field, so nothing is compiled."""
    seen: list[str] = []
    Noting.seen = seen
    schema, reasons = engaged(Noting)
    for _ in range(2):
        assert (await schema.execute("{ shapes { sides } }")).errors is None
    assert reasons == ["middleware", "middleware"]
    assert seen == ["shapes", "sides", "sides", "sides"] * 2


def test_code_says_what_it_is_of() -> None:
    """The source names types and coordinates, and no function is longer than what is selected."""
    schema = strawberry.Schema(Drawing, types=[Square])._schema
    source = Engine(schema).source(parse("{ shapes { sides } either { ... on Circle { radius area } } }"))
    for said in ("# Query.shapes: [Shape!]!", '"""Circle."""', "# Circle.radius: Float!", "# Circle.area: Float!"):
        assert said.replace("Query", "Drawing") in source


@strawberry.type
class Value1:
    """Has a name that generated code has for an argument."""

    x: int


@strawberry.type
class Arguments1:
    """Another."""

    x: int


@strawberry.type
class Numbered:
    """Has both beside a field with arguments."""

    value: Value1
    given: Arguments1

    @strawberry.field
    def sum(self, a: int, b: int | None = strawberry.UNSET) -> int:
        return a + (b or 0)


@strawberry.type
class Pairs:
    """What is asked for."""

    @strawberry.field
    def pair(self) -> Numbered:
        return Numbered(value=Value1(x=1), given=Arguments1(x=2))


def test_names_of_classes_cannot_meet_those_of_the_code(reasons: Reasons) -> None:
    """The names of arguments end in a digit, and those of classes in the code do not."""
    schema = strawberry.Schema(Pairs)._schema
    text = "query ($a: Int!, $b: Int) { pair { value { x } given { x } sum(a: $a, b: $b) all: sum(a: $a, b: 3) } }"
    result = reasons.both(schema, text, variable_values={"a": 1})
    assert result.data == {"pair": {"value": {"x": 1}, "given": {"x": 2}, "sum": 1, "all": 4}}
    assert not reasons


@strawberry.enum
class Mood(StrEnum):
    """How somebody feels."""

    GLAD = "glad"


@strawberry.type
class Tail(Generic[T]):
    """A part that may be missing."""

    length: T


@strawberry.type
class Cat:
    """Nothing but values, within values."""

    name: str
    mood: Mood | None
    born: date
    tail: Tail[int] | None
    names: list[str | None]
    moods: list[Mood]


@strawberry.type
class House:
    """What is asked for."""

    cats: list[Cat | None]
    cat: Cat | None = None


class Named:
    """Is no cat, but has what one has, and says so each time it is read."""

    mood, born, tail, names, moods = Mood.GLAD, date(2026, 1, 1), None, (None, "b"), ()

    def __init__(self) -> None:
        self.read = 0

    @property
    def name(self) -> str:
        self.read += 1
        return "Named"


def cat(**given: Any) -> Any:
    """A cat, with something else about it."""
    plain: dict[str, Any] = {
        "name": "Cat",
        "mood": None,
        "born": date(2026, 1, 1),
        "tail": None,
        "names": [],
        "moods": [],
    }
    return Cat(**{**plain, **given})


def lazily(value: Any) -> Any:
    """A value that has to be awaited."""

    async def later() -> Any:
        return await asyncio.sleep(0, value)

    return later()


ODD: dict[str, Callable[[], Any]] = {
    "as they should be": lambda: cat(mood=Mood.GLAD, tail=Tail(length=3), names=["a", None], moods=[Mood.GLAD]),
    "of a subclass": lambda: cat(tail=type("Long", (Tail,), {})(length=4)),
    "of another class": Named,
    "null": lambda: None,
    "nothing but null": lambda: cat(name=None),
    "wrong": lambda: cat(mood="nobody knows", names=[["x"]], moods=[None], tail=Tail(length="long")),
    "missing": lambda: object.__new__(Cat),
    "late": lambda: cat(name=lazily("Late"), tail=lazily(Tail(length=lazily(5))), names=[lazily("x"), lazily(None)]),
    "late and wrong": lambda: lazily(cat(name=lazily(None), moods=[lazily(Mood.GLAD), lazily(Mood.GLAD)])),
    "an exception": lambda: ValueError("no cat"),
}


@pytest.mark.parametrize("odd", ODD)
async def test_objects_that_are_read_whole_are_given_up_whole(odd: str, reasons: Reasons) -> None:
    """Whatever one of them is or holds, the answer and its errors are graphql-core's, and it is read as often."""
    schema = strawberry.Schema(House)._schema
    fields = "name mood born tail { length } names moods"
    document = parse(f"{{ cat {{ {fields} }} cats {{ name tail {{ __typename length }} names moods }} }}")
    results, read = [], []
    for engine in (None, Engine(schema, threshold=1)):
        odd_one = ODD[odd]()
        root = House(cats=[cat(tail=Tail(length=1)), odd_one, None, ODD[odd]()], cat=ODD[odd]())
        if engine is None:
            result: Any = execute(schema, document, root_value=root, executor_class=StrawberryExecutor)
        else:
            result = engine.execute(document, root_value=root, fell_back=reasons.append)
        results.append(await result if inspect.isawaitable(result) else result)
        read.append(getattr(odd_one, "read", None))
    assert results[0] == results[1]
    assert list(map(str, results[0].errors or ())) == list(map(str, results[1].errors or ()))
    assert read[0] == read[1]
    assert not reasons
