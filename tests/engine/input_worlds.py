"""Types of every kind of input, and values and literals that fit them, nearly fit or do not fit at all."""

from enum import Enum
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    build_schema,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from hypothesis import strategies as st

SDL = """
scalar Even
scalar Json
enum Colour { RED GREEN BLUE LISTED VOID }
input Point { x: Int! = 7, y: Float, tags: [String!] = ["a", "b"], colour: Colour = GREEN }
input Tree { name: ID!, point: Point! = { y: 1 }, inside: [Tree!], one: Tree }
input Named { from: String!, plain: Boolean = true, even: Even, even_default: Even = 4, json: Json = { a: [1] } }
input Choice @oneOf { number: Int, word: String, point: Point }
input Wrong { number: Int! = "three", word: String }
input Empty { nothing: Int }
type Query { idle: Int }
"""
BASES = ["String", "Int", "Float", "Boolean", "ID", "Colour", "Even", "Json"]
BASES += ["Point", "Tree", "Named", "Choice", "Wrong", "Empty"]
WRAPPED = ["{}", "{}!", "{}", "{}!", "[{}]", "[{}!]", "[{}]!", "[{}!]!", "[[{}]!]", "[[[{}!]]]!"]
TYPES = [wrapped.format(base) for base in BASES for wrapped in WRAPPED]

WRONG_VALUES: list[Any] = [
    None, True, 0, 3, 2**31, 2**70, 1.0, 1.5, float("nan"), float("inf"), "", "RED", "PINK", "7", b"x", (), (1, "a"),
    [], [None], [[]], {}, {"x": None}, {"number": 1}, {"nothing": Undefined}, Undefined, object, {1, 2},
    {"x": 1, "z": 2},
    {"number": 1, "word": None}, {"word": None}, type("Text", (str,), {})("sub"), type("Map", (dict,), {})(), range(2),
]  # fmt: skip
WRONG_LITERALS = [
    "null", "true", "3", "2147483648", "1.5", "1e999", '"x"', '"""x"""', "RED", "PINK", "[]", "[null]", "[[1]]", "{}",
    "{ x: null }", "{ number: 1 }", "{ word: null }", "{ number: 1, word: null }", "{ unknown: 1 }", "[1, RED, {}]",
]  # fmt: skip


def told(value: Any) -> Any:
    """A value so that two are equal when they are of the same types, in the same order, with the same figures."""
    if isinstance(value, dict):
        return (type(value).__name__, [(key, told(inside)) for key, inside in value.items()])
    if isinstance(value, list | tuple):
        return (type(value).__name__, [told(inside) for inside in value])
    if isinstance(value, GraphQLError):
        return ("error", value.message, value.locations, value.path, repr(value.original_error))
    return (type(value), repr(value))


class Paint(Enum):
    """What the names of the enum stand for."""

    RED = 1
    GREEN = 2


def even(value: Any) -> Any:
    """A scalar's parser that refuses in both ways graphql-core knows. Gives a new object for each value."""
    if value == 0:
        return Undefined
    if type(value) is not int or value % 2:
        raise GraphQLError(f"Not even: {value!r}")
    return [value]


def json(value: Any) -> Any:
    """A scalar's parser that takes anything."""
    return "nothing" if value is Undefined else value


def named(value: dict[str, Any]) -> Any:
    """An input object's type of its own, which refuses one word."""
    if value["from_"] == "refused":
        raise ValueError("refused")
    return tuple(value.items())


def build() -> GraphQLSchema:
    """The schema of SDL, with what SDL cannot say."""
    schema = build_schema(SDL)
    colour, even_type, json_type = (schema.type_map[name] for name in ("Colour", "Even", "Json"))
    assert isinstance(colour, GraphQLEnumType)
    assert isinstance(even_type, GraphQLScalarType)
    assert isinstance(json_type, GraphQLScalarType)
    for name, value in {"RED": Paint.RED, "GREEN": Paint.GREEN, "LISTED": ["listed"], "VOID": Undefined}.items():
        colour.values[name].value = value
    even_type.coerce_input_value, json_type.coerce_input_value = even, json
    point, of_name = schema.type_map["Point"], schema.type_map["Named"]
    assert isinstance(point, GraphQLInputObjectType)
    assert isinstance(of_name, GraphQLInputObjectType)
    point.fields["colour"].out_name = "the_colour"
    of_name.fields["from"].out_name = "from_"
    of_name.fields["plain"].default_value, of_name.fields["plain"].default = {"internal": []}, None
    of_name.out_type = named  # type: ignore[method-assign]
    return schema


class Drawing:
    """Draws values and literals for types."""

    def __init__(self, data: st.DataObject) -> None:
        self._draw = data.draw
        self._luck = data.draw(st.randoms(use_true_random=False, note_method_calls=False))

    def chance(self, percent: int) -> bool:
        """Whether something happens, that often."""
        return self._luck.randrange(100) < percent

    def one(self, of: list[Any]) -> Any:
        """One of them."""
        return self._luck.choice(of)

    def value(self, type_: Any, depth: int = 0, wrong: int = 2) -> Any:
        """What a client may send for a type."""
        if self.chance(wrong):
            return self.one(WRONG_VALUES)
        if is_non_null_type(type_):
            return self.value(type_.of_type, depth, wrong)
        if self.chance(10):
            return None
        if is_list_type(type_):
            return [self.value(type_.of_type, depth + 1, wrong) for _ in range(self._luck.randrange(3))]
        return self._fields(type_, depth, wrong) if is_input_object_type(type_) else self.one(SCALARS[type_.name])

    def _fields(self, type_: Any, depth: int, wrong: int) -> dict[str, Any]:
        fields = list(type_.fields.items())
        if type_.is_one_of and not self.chance(wrong):
            fields = [self.one(fields)]
        self._luck.shuffle(fields)
        value = {}
        for name, field in fields:
            needed = is_non_null_type(field.type) and field.default is None
            if self.chance(97 if needed else 45 if depth < 3 else 5):
                value[name] = self.value(field.type, depth + 1, wrong)
        if self.chance(wrong):
            value["unknown"] = 1
        return value

    def literal(self, type_: Any, variables: list[str], depth: int = 0, wrong: int = 2) -> str:
        """What a document may hold for a type."""
        if variables and self.chance(25):
            return f"${self.one(variables)}"
        if is_non_null_type(type_):
            return self.literal(type_.of_type, variables, depth, wrong)
        if self.chance(10):
            return str(self.one(WRONG_LITERALS)) if self.chance(wrong * 10) else "null"
        if is_list_type(type_):
            items = [self.literal(type_.of_type, variables, depth + 1, wrong) for _ in range(self._luck.randrange(3))]
            return items[0] if len(items) == 1 and self.chance(40) else f"[{', '.join(items)}]"
        if is_input_object_type(type_):
            return self._literal_fields(type_, variables, depth, wrong)
        return str(self.one(LITERALS[type_.name]))

    def _literal_fields(self, type_: Any, variables: list[str], depth: int, wrong: int) -> str:
        fields = list(type_.fields.items())
        if type_.is_one_of and not self.chance(wrong):
            fields = [self.one(fields)]
        self._luck.shuffle(fields)
        given = []
        for name, field in fields:
            needed = is_non_null_type(field.type) and field.default is None
            if self.chance(97 if needed else 45 if depth < 3 else 5):
                given.append(f"{name}: {self.literal(field.type, variables, depth + 1, wrong)}")
        return f"{{ {', '.join(given)} }}"


SCALARS: dict[str, list[Any]] = {
    "String": ["", "ada", "refused", "é\ud800"],
    "Int": [0, -3, 2**31 - 1, -(2**31), 5],
    "Float": [0.5, -1e300, 3, 2**53],
    "Boolean": [True, False],
    "ID": ["a", "1", 12, -1],
    "Colour": ["RED", "GREEN", "BLUE", "LISTED", "RED", "GREEN", "VOID"],
    "Even": [2, 4, 4, 2, 0, 3],
    "Json": [1, "a", {"a": [1, None]}, [1.5]],
}
LITERALS = {
    "String": ['""', '"ada"', '"refused"', '"""block"""', '"' + "long " * 20 + '"'],
    "Int": ["0", "-3", "2147483647", "5"],
    "Float": ["0.5", "-1e300", "3"],
    "Boolean": ["true", "false"],
    "ID": ['"a"', "12", '"VHJlZTox"'],  # The last is the global id of Tree 1.
    "Colour": ["RED", "GREEN", "BLUE", "LISTED", "RED", "GREEN", "VOID"],
    "Even": ["2", "4", "4", "0", "3"],
    "Json": ["1", '"a"', "{ a: [1, null], b: $v0 }", "[1.5, $v1]", "[$v9]"],
}
