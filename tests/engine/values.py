"""What resolvers give, right and wrong: values, sources, promises and troubles, made by the dice of a run."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import suppress
from types import CoroutineType
from typing import Any
from zlib import crc32

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from tests.engine.runs import Dice, Run

CHANGED: dict[type, Any] = {str: "changed", int: 77, float: 7.5, bool: False, list: None, type(None): "there"}
"""What code may change of a source, and into what."""
KEPT = {"oracle_number", "oracle_typename", "typename", "secret"}
"""What is no field of a source."""
LONG = 5
"""Longer lists are not made longer by who iterates them."""
Make = Callable[[], Any]


class Trouble(Exception):
    """What resolvers raise."""


class Worded(Exception):
    """An exception with a message of its own."""

    message = "What the exception itself says"


class Odd:
    """A value that fits no type."""

    def __repr__(self) -> str:
        return "<odd>"


class Word(str):  # ruff: ignore[subclass-builtin] -- what looks like a string and is none
    """A string of another class."""

    __slots__ = ()


class Promise:
    """Awaitable, and no coroutine."""

    def __init__(self, coroutine: CoroutineType[Any, Any, Any]) -> None:
        self.coroutine = coroutine

    def __await__(self) -> Generator[Any, None, Any]:
        return self.coroutine.__await__()


class Shelf:
    """Iterable, and nothing else."""

    def __init__(self, items: list[Any], run: Run, *, breaks: bool) -> None:
        self.items, self.run, self.breaks = items, run, breaks

    def __iter__(self) -> Iterator[Any]:
        for number, item in enumerate(self.items):
            self.run.note("takes", number)
            yield item
        if self.breaks:
            raise Trouble("The shelf breaks")


class Flow:
    """Asynchronously iterable, without `aclose`."""

    def __init__(self, items: list[Any], run: Run) -> None:
        self.items, self.run = deque(items), run

    def __aiter__(self) -> Flow:
        return self

    async def __anext__(self) -> Any:
        if not self.items:
            raise StopAsyncIteration
        await asyncio.sleep(0)
        return self.items.popleft()


class Source:
    """What an object type is resolved from. Subclasses have a property for each field."""

    typename = ""

    def __init__(self, values: Values, number: int) -> None:
        self.oracle_values, self.oracle_number = values, number

    def __repr__(self) -> str:
        return f"<{self.typename} {self.oracle_number}>"


class Holder:
    """A source that holds its values, with no code in between."""

    def __init__(self, typename: str, number: int, held: dict[str, Any]) -> None:
        self.__dict__.update(held, oracle_number=number, typename=typename)

    def __repr__(self) -> str:
        return f"<holder {self.oracle_number}>"  # type: ignore[attr-defined]


class Record(dict[str, Any]):  # ruff: ignore[subclass-builtin] -- what looks like a dictionary and is none
    """A source that is a dictionary, and makes what it is asked for."""

    def __init__(self, values: Values, typename: str, number: int) -> None:
        super().__init__()
        self.oracle_values, self.typename, self.oracle_number = values, typename, number

    def get(self, name: str, default: Any = None) -> Any:
        if name == "__typename":
            return self.typename if self.oracle_values.run.dice(self.oracle_number).chance(500) else default
        return self.oracle_values.attribute(self.typename, name, self.oracle_number)

    def __repr__(self) -> str:
        return f"<record {self.typename} {self.oracle_number}>"


class Row(Mapping[str, Any]):
    """A source that is a mapping, and no dictionary."""

    def __init__(self, values: Values, typename: str, number: int) -> None:
        self.oracle_values, self.typename, self.oracle_number = values, typename, number

    def __getitem__(self, name: str) -> Any:
        if name == "__typename":
            raise KeyError(name)
        return self.oracle_values.attribute(self.typename, name, self.oracle_number)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"<row {self.typename} {self.oracle_number}>"


def source_class(typename: str, fields: list[str]) -> type[Source]:
    """A class with a property for each field, with all the side effects that a property may have."""

    def reader(name: str) -> property:
        return property(lambda self: self.oracle_values.attribute(typename, name, self.oracle_number))

    members: dict[str, Any] = {name: reader(name) for name in fields}
    return type(typename, (Source,), {**members, "typename": typename})


def number_of(source: Any) -> int:
    """What tells a source from others."""
    number = source.get("oracle_number", 0) if type(source) is dict else getattr(source, "oracle_number", 0)
    return number if type(number) is int else 0


def typename_of(source: Any) -> Any:
    """The name of the type that a source is of."""
    return source.get("oracle_typename") if type(source) is dict else getattr(source, "typename", None)


def under(number: int, step: object) -> int:
    """The number of what is found below."""
    return crc32(repr(step).encode(), number)


class Values:
    """Makes values for the types of a schema. What a field gives follows from the run and from where it stands."""

    def __init__(self, schema: GraphQLSchema, classes: dict[str, type[Source]]) -> None:
        self.schema, self.classes = schema, classes
        self.run: Run

    def attribute(self, typename: str, name: str, number: int) -> Any:
        """What a source holds under a name: a value, or what gives one when it is called or awaited."""
        self.run.note("reads", typename, name, number)
        field = self.schema.type_map[typename].fields.get(name)  # type: ignore[attr-defined]
        if field is None:
            return None
        below = under(number, name)
        dice = self.run.dice(below)
        way = dice.roll(12)
        if way == 0:
            return self.later(below, lambda: self.resolved(field.type, below))
        if way == 1:
            return lambda info, **arguments: self.called(field.type, under(below, sorted(arguments)), info)
        if way == 2:
            return lambda _info, **_arguments: self.later(below, lambda: self.resolved(field.type, below))
        return self.resolved(field.type, below)

    def called(self, type_: Any, number: int, info: Any) -> Any:
        """What a method of a source gives."""
        self.run.note("called", info.field_name, info.path.as_list())
        return self.resolved(type_, number)

    def resolved(self, type_: Any, number: int) -> Any:
        """A value of a type, or trouble."""
        dice = self.run.dice(number)
        if dice.chance(self.run.chaos):
            return self.trouble(type_, dice)
        return self.value(type_, dice)

    async def later(self, number: int, make: Make) -> Any:
        """A value after some turns of the loop, or after some time."""
        run, dice = self.run, self.run.dice(number + 1)
        run.note("starts", number)
        try:
            if dice.chance(300):
                await asyncio.sleep((1 + dice.roll(4)) / 8)
            else:
                for _ in range(dice.roll(4)):
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            run.note("cancelled", number)
            raise
        run.note("ends", number)
        return make()

    def promised(self, number: int, make: Make, way: int) -> Any:
        """The same as a coroutine, a task, a future, another awaitable, or out of a batch."""
        if way == 0:
            return asyncio.get_running_loop().create_task(self.later(number, make))
        if way == 1:
            return Promise(self.later(number, make))  # type: ignore[arg-type]
        if way == 2:
            return self.run.batches.load(self.run, number, make)
        return self.later(number, make)

    def value(self, type_: Any, dice: Dice) -> Any:
        """A value that fits."""
        if is_non_null_type(type_):
            type_ = type_.of_type
        elif dice.chance(60):
            return None
        if is_list_type(type_):
            return self.items(type_, dice)
        if is_leaf_type(type_):
            return self.leaf(type_, dice)
        if is_abstract_type(type_):
            possible = self.schema.get_possible_types(type_)
            type_ = possible[dice.roll(len(possible))]
        return self.source(type_.name, dice.number(), dice.roll(8))

    def source(self, typename: str, number: int, way: int) -> Any:
        """What an object is resolved from."""
        if way == 0:
            return Record(self, typename, number)
        if way == 1:
            return Row(self, typename, number)
        if way == 4:
            self.run.latest = {"oracle_number": number, "oracle_typename": typename, **self.held(typename, number)}
            return self.run.latest
        if way == 5:
            self.run.latest = Holder(typename, number, self.held(typename, number))
            return self.run.latest
        source = self.classes[typename](self, number)
        if way == 2:
            setattr(source, f"_{typename}__typename", typename)
        return source

    def held(self, typename: str, number: int) -> dict[str, Any]:
        """What a plain object or dictionary holds: values of leaves, functions for all else, sometimes nothing."""
        held: dict[str, Any] = {}
        for name, field in self.schema.type_map[typename].fields.items():  # type: ignore[attr-defined]
            below = under(number, name)
            if not is_leaf_type(get_named_type(field.type)):
                held[name] = self.method(field.type, below)
            elif not self.run.dice(below + 1).chance(100):
                with suppress(Exception, asyncio.CancelledError):
                    held[name] = self.resolved(field.type, below)
        return held

    def change(self, source: Any, number: int) -> None:
        """Sometimes change what a source holds: a list grows or shrinks, what is plain becomes something else."""
        dice = self.run.dice(number + 11)
        held = source if type(source) is dict else getattr(source, "__dict__", None)
        if not held or dice.chance(500):
            return
        names = [name for name, value in held.items() if type(value) in CHANGED and name not in KEPT]
        self.run.note("changes", number_of(source), names)
        for name in names:
            if type(held[name]) is not list:
                held[name] = CHANGED[type(held[name])] if dice.chance(500) else held[name]
            elif held[name] and dice.chance(300):
                held[name].pop()
            elif len(held[name]) < LONG:
                held[name].append(self.harmless(dice, None))

    def method(self, type_: Any, number: int) -> Any:
        return lambda info, **arguments: self.called(type_, under(number, sorted(arguments)), info)

    def leaf(self, type_: Any, dice: Dice) -> Any:
        """A value of a scalar or an enum, of the classes that its type takes."""
        number = dice.roll(100)
        if is_enum_type(type_):
            values: GraphQLEnumType = type_
            return list(values.values.values())[number % len(values.values)].value
        choices: dict[str, list[Any]] = {
            "Int": [number, -number, float(number), True],
            "Float": [number / 4, number, False, 1e300],
            "String": [f"s{number}", Word(f"w{number}"), number, True, number / 4, ""],
            "Boolean": [True, False, 1, 0.0],
            "ID": [f"i{number}", number, Word(f"w{number}"), float(number)],
        }
        chosen = choices.get(type_.name, [number, f"e{number}", [number], {"n": number}])
        return chosen[min(dice.roll(8), len(chosen)) - 1 if dice.chance(400) else 0]

    def items(self, type_: GraphQLList[Any], dice: Dice) -> Any:
        """A list, or another thing that is iterated."""
        run = self.run
        promising = dice.chance(150)
        items: list[Any] = []
        for _ in range(dice.roll(4)):
            number = dice.number()
            if promising and dice.chance(600):
                items.append(self.promised(number, self.making(type_.of_type, number), dice.roll(12)))
            elif dice.chance(run.chaos):
                items.append(self.harmless(dice, type_.of_type))
            else:
                items.append(self.value(type_.of_type, dice))
        way = dice.roll(16)
        if way == 0:
            return tuple(items)
        if way == 1:
            return self.generator(items)
        if way == 2:
            return self.stream(items, breaks=dice.chance(run.chaos))
        if way == 3:
            return Shelf(items, run, breaks=dice.chance(run.chaos))
        if way == 4:
            return Flow(items, run)
        return deque(items) if way == 5 else items

    def generator(self, items: list[Any]) -> Iterator[Any]:
        """Items one after the other, at once."""
        for number, item in enumerate(items):
            self.run.note("yields", number)
            yield item

    def making(self, type_: Any, number: int) -> Make:
        return lambda: self.resolved(type_, number)

    async def stream(self, items: list[Any], *, breaks: bool) -> AsyncGenerator[Any]:
        """Items one after the other."""
        try:
            for item in items:
                await asyncio.sleep(0)
                self.run.note("streams")
                yield item
            if breaks:
                raise Trouble("The stream breaks")
        finally:
            self.run.note("stream ends")

    def harmless(self, dice: Dice, type_: Any) -> Any:
        """A wrong value that is not raised."""
        optional = [None, None] if is_non_null_type(type_) else []
        wrong: list[Any] = [
            *optional,
            Trouble("An item that failed"),
            Odd(),
            Undefined,
            "text",
            1.5,
            [],
            {},
            2**40,
            b"b",
        ]
        wrong += [float("nan"), float("inf"), {1}, Word("word"), True, [None], ["x"], Odd, range(2)]
        return wrong[dice.roll(len(wrong))]

    def trouble(self, type_: Any, dice: Dice) -> Any:
        """What a resolver should not give, or what it raises."""
        way = dice.roll(16)
        if way < 3 and isinstance(type_, GraphQLNonNull):
            return None
        if way < 7:
            return self.harmless(dice, type_)
        raising: list[Exception] = [
            Trouble(f"Trouble {dice.roll(9)}"),
            Trouble(f"Trouble {dice.roll(9)}"),
            ValueError("no"),
            AttributeError("not there"),
            KeyError("key"),
            StopIteration("stop"),
            TypeError(),
            Worded("not this"),
            GraphQLError("With extensions", extensions={"code": "ODD", "n": dice.roll(5)}),
            GraphQLError("With a path", path=["elsewhere", 3]),
            GraphQLError("Plain"),
            self.run.again,
            ExceptionGroup("several", [Trouble("one"), Trouble("two")]),
            GraphQLError("With a cause", original_error=Trouble("cause")),
        ]
        error = raising[dice.roll(len(raising))]
        if way == 7:
            return error
        if way == 8:
            return self.later(dice.number(), self.making(type_, dice.number()))
        if way == 9 and dice.chance(100):
            raise asyncio.CancelledError
        raise error
