"""Worlds of Strawberry: generated classes, whose resolvers, extensions, permissions and handlers note what they do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

import strawberry
from graphql import GraphQLError, is_composite_type, is_list_type, is_non_null_type
from strawberry.dataloader import DataLoader
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.base import StrawberryObjectDefinition

from tests.engine.berry_sources import BerrySource
from tests.engine.runs import Dice, Run, digest, shown
from tests.engine.values import Odd, Trouble, Values, under

DEEP = 2


def number_of(source: Any) -> int:
    """What tells a source from others."""
    number: int = getattr(source, "__dict__", {}).get("oracle_number", 0)
    return number


class BerryValues(Values):
    """Values for types that Strawberry made: instances of their classes, with all attributes."""

    def __init__(self, world: BerryWorld) -> None:
        super().__init__(world.schema, {})
        self.world = world
        self.depth = 0
        self.made = {name: self._members(name) for name in world.berry.schema_converter.type_map}
        self.subclasses: dict[str, type] = {}

    def _members(self, typename: str) -> tuple[type, list[tuple[str, Any]]] | None:
        definition = self.world.berry.schema_converter.type_map[typename].definition
        if not isinstance(definition, StrawberryObjectDefinition) or typename not in self.schema.type_map:
            return None
        fields = getattr(self.schema.type_map[typename], "fields", {})
        names = self.world.berry.config.name_converter
        basic = [
            (field.python_name, fields[names.from_field(field)].type)
            for field in definition.fields
            if field.is_basic_field and names.from_field(field) in fields
        ]
        return definition.origin, basic

    def value(self, type_: Any, dice: Dice) -> Any:
        """A value that fits; at some depth there is nothing more."""
        inner = type_.of_type if is_non_null_type(type_) else type_
        if self.depth > DEEP and (is_list_type(inner) or is_composite_type(inner)):
            return [] if is_list_type(inner) else None
        return super().value(type_, dice)

    def source(self, typename: str, number: int, way: int) -> Any:
        """An instance; sometimes of a subclass, or of another class with the same attributes."""
        made = self.made[typename]
        assert made is not None
        cls, basic = made
        source: Any = object.__new__(self._subclass(typename, cls, basic) if way == 0 else cls)
        if way == 1 and self.run.chaos:
            source = SimpleNamespace()
        attributes = source.__dict__
        attributes["oracle_number"], attributes["secret"], attributes["oracle_world"] = number, 7, self.world
        self.depth += 1
        try:
            for name, type_ in basic:
                attributes[name if way else f"oracle_{name}"] = self._attribute(type_, under(number, name))
        finally:
            self.depth -= 1
        self.run.owners.update((value, source) for value in attributes.values() if type(value) is str)
        return source

    def _attribute(self, type_: Any, number: int) -> Any:
        dice = self.run.dice(number)
        if dice.chance(self.run.chaos):
            return self.harmless(dice, type_)
        return self.value(type_, dice)

    def _subclass(self, typename: str, cls: type, basic: list[tuple[str, Any]]) -> type:
        """A subclass that has properties where the class has attributes."""

        def reader(name: str) -> property:
            def read(source: Any) -> Any:
                self.run.note("reads", typename, name, number_of(source))
                self.change(source, number_of(source))
                return source.__dict__[f"oracle_{name}"]

            return property(read, lambda *_: None)

        if typename not in self.subclasses:
            self.subclasses[typename] = type(f"Sub{cls.__name__}", (cls,), {name: reader(name) for name, _ in basic})
        return self.subclasses[typename]

    def leaf(self, type_: Any, dice: Dice) -> Any:
        """A value of a scalar or an enum."""
        number = dice.roll(28) + 1
        made: dict[str, Any] = {
            "DateTime": datetime(2026, 1, number, tzinfo=UTC),
            "Date": date(2026, 1, number),
            "UUID": UUID(int=number),
            "Decimal": Decimal(number) / 4,
            "JSON": {"n": [number]},
            "Loud": f"loud {dice.number()}",
            "Fruit": list(self.world.module.Fruit)[number % 2],
        }
        return made[type_.name] if type_.name in made else super().leaf(type_, dice)

    def trouble(self, type_: Any, dice: Dice) -> Any:
        """What a resolver should not give, or what it raises."""
        if dice.chance(400):
            raise self.world.module.Refused(f"refused {dice.roll(5)}")
        if dice.chance(100):
            return Odd()
        return super().trouble(type_, dice)


class QuietSchema(strawberry.Schema):
    """A schema that logs no error."""

    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Do nothing: thousands of errors are wanted here."""


class BerryWorld:
    """A Strawberry schema whose resolvers do what the dice of the run say, and write it down."""

    options: Mapping[str, Any] = {
        "executor_class": StrawberryGraphQLCoreExecutionContext,
        "is_awaitable": optimized_is_awaitable,
    }

    def __init__(self, seed: int) -> None:
        self.text = BerrySource(Random(seed)).text()  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- a case is made again by its name
        self.module = ModuleType(f"berry_{seed}")
        self.module.__dict__["W"] = self
        sys.modules[self.module.__name__] = self.module
        exec(compile(self.text, f"<berry {seed}>", "exec"), self.module.__dict__)  # ruff: ignore[exec-builtin] -- we wrote it
        found = self.module
        things = [value for name, value in vars(found).items() if name.startswith("Thing")]
        self.berry = QuietSchema(
            found.Query, found.Mutation, types=things, exception_handlers=[found.RefusedHandler()], config=found.CONFIG
        )
        self.schema = self.berry._schema
        self.values = BerryValues(self)
        self.loader: DataLoader[Any, Any] | None = None

    @property
    def run(self) -> Run:
        return self.values.run

    @run.setter
    def run(self, run: Run) -> None:
        self.values.run = run
        self.loader = None

    def root(self, typename: str, seed: int) -> Any:
        """A root value: nothing, as is usual, or an instance."""
        return None if seed % 3 else self.values.source(typename, seed & 0xFFFF, 3)

    def _number(self, typename: str, name: str, source: Any, info: Any, arguments: dict[str, Any]) -> tuple[int, Any]:
        """The number of what a field gives, and its type."""
        typename = info._raw_info.parent_type.name if info else self._typename(source, typename)
        seen = (digest(info._raw_info), shown(info.variable_values), info.python_name) if info else None
        self.run.note("resolves", typename, name, shown(arguments), number_of(source), seen)
        self.values.change(source, number_of(source))
        key = info.path.key if info else None
        type_ = self.schema.type_map[typename].fields[name].type  # type: ignore[attr-defined]
        return under(number_of(source), (name, key, shown(arguments))), type_

    def _typename(self, source: Any, typename: str) -> str:
        if typename in self.schema.type_map:
            return typename
        return next(name for name in self.schema.type_map if name.endswith(typename))

    def give(self, *call: Any) -> Any:
        """What a resolver gives at once."""
        number, type_ = self._number(*call)
        return self.values.resolved(type_, number)

    async def give_later(self, *call: Any) -> Any:
        """What a resolver gives in a while."""
        number, type_ = self._number(*call)
        return await self.values.later(number, lambda: self.values.resolved(type_, number))

    def promise(self, *call: Any) -> Any:
        """A promise of a resolver that is not asynchronous itself, or no promise."""
        number, type_ = self._number(*call)
        way = self.run.dice(number + 7).roll(5)
        if way == 4:
            return self.values.resolved(type_, number)
        return self.values.promised(number, lambda: self.values.resolved(type_, number), way)

    async def load(self, *call: Any) -> Any:
        """What a DataLoader gives."""
        number, type_ = self._number(*call)
        if self.loader is None:
            self.loader = DataLoader(self._load)
        await self.loader.load(number)
        return self.values.resolved(type_, number)

    async def _load(self, keys: list[int]) -> list[Any]:
        self.run.note("loads", keys)
        await asyncio.sleep(0)
        return [Trouble("cannot load") if self.run.dice(key).chance(self.run.chaos // 2) else key for key in keys]

    def write(self, value: Any) -> str:
        """How the scalar with a function of its own is written: it changes who holds the value."""
        self.run.note("writes", shown(value))
        self.values.change(self.run.owners.get(str(value)), under(6, shown(value)))
        return f"{shown(value)}!"

    async def wait(self, source: Any, info: Any) -> None:
        """Wait for a while, or not at all."""
        number = under(number_of(source), ("wait", info.field_name))
        await self.values.later(number, lambda: None)

    @contextmanager
    def around(self, what: str, info: Any) -> Generator[None]:
        """Note what happens before and after a field is resolved."""
        self.run.note(what, info.path.key, info.field_name)
        try:
            yield
        finally:
            self.run.note(f"after {what}", info.path.key)

    def allows(self, source: Any, info: Any, arguments: dict[str, Any]) -> bool:
        """Whether a permission is given."""
        self.run.note("asks", info.path.key, info.field_name, shown(arguments))
        dice = self.run.dice(under(number_of(source), ("allows", info.field_name)))
        if dice.chance(self.run.chaos // 4):
            raise GraphQLError("Cannot say", extensions={"code": "PERMISSION"})
        return not dice.chance(self.run.chaos)

    def handle(self, exception: Exception, field: Any, info: Any) -> Any:
        """A refusal for an exception; sometimes later, sometimes none."""
        self.run.note("handles", str(exception), field.python_name, info.path.key)
        dice = self.run.dice(under(5, str(exception)))
        refusal = self.module.Refusal(message=str(exception))
        way = dice.roll(6)
        if way == 0:
            return None
        if way == 1:
            return self.values.later(3, lambda: refusal)
        return refusal

    def judge(self, name: str, cls: type, value: Any, info: Any) -> bool:
        """Whether a value is of a type."""
        self.run.note("is", name, digest(info), number_of(value))
        dice = self.run.dice(under(number_of(value), "is"))
        if dice.chance(self.run.chaos // 2):
            raise Trouble("cannot tell")
        return isinstance(value, cls) != dice.chance(self.run.chaos // 2)


class WholeWorld(BerryWorld):
    """A Strawberry schema that is executed by `Schema.execute`, with all that is around execution."""
