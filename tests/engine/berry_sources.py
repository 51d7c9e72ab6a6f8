"""Strawberry schemas as Python source, made of a seed. `W` is the world that does and notes what resolvers do."""

from __future__ import annotations

from random import Random

HEAD = '''
from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Generic, NewType, Optional, TypeVar
from uuid import UUID

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

T = TypeVar("T")
Loud = NewType("Loud", str)
LOUD = strawberry.scalar(name="Loud", serialize=lambda value: W.write(value), parse_value=str)
CONFIG = StrawberryConfig(scalar_map={Loud: LOUD})


@strawberry.enum
class Fruit(Enum):
    APPLE = "apple"
    PEAR = 2


class Refused(Exception):
    """What the handler makes a Refusal of, mostly."""


@strawberry.type
class Refusal:
    message: str

    @strawberry.field
    def more(self) -> str | None:
        return W.give("Refusal", "more", self, None, {})


class RefusedHandler(strawberry.ExceptionHandler[Refused, Refusal]):
    def handle(self, exception, *, field, info):
        return W.handle(exception, field, info)


class Around(FieldExtension):
    def resolve(self, next_, source, info, **arguments):
        with W.around("around", info):
            return next_(source, info, **arguments)

    async def resolve_async(self, next_, source, info, **arguments):
        with W.around("async around", info):
            return await next_(source, info, **arguments)


class Doubting(FieldExtension):
    async def resolve_async(self, next_, source, info, **arguments):
        await W.wait(source, info)
        return await next_(source, info, **arguments)


class Before(FieldExtension):
    def resolve(self, next_, source, info, **arguments):
        W.run.note("before", info.field_name)
        return next_(source, info, **arguments)

    async def resolve_async(self, next_, source, info, **arguments):
        W.run.note("async before", info.field_name)
        return await next_(source, info, **arguments)


class Allowed(BasePermission):
    message = "Not allowed"
    error_extensions = {"code": "NO"}

    def has_permission(self, source, info, **arguments):
        return W.allows(source, info, arguments)


class LaterAllowed(BasePermission):
    message = "Not allowed later"

    async def has_permission(self, source, info, **arguments):
        await W.wait(source, info)
        return W.allows(source, info, arguments)


@strawberry.type
class Page(Generic[T]):
    items: list[T]
    total: int
    cursor: str | None

    @strawberry.field
    async def first(self) -> T | None:
        return await W.give_later("Page", "first", self, None, {})

    @strawberry.field
    def number(self, info: strawberry.Info, half_of: int = 4) -> int:
        return W.give("Page", "number", self, info, {"half_of": half_of})
'''

LEAVES = (
    "int",
    "int",
    "float",
    "str",
    "str",
    "bool",
    "strawberry.ID",
    "datetime",
    "date",
    "UUID",
    "Decimal",
    "Fruit",
    "JSON",
    "Loud",
    "Loud",
)
DEFAULTS = {"int": "4", "float": "1.5", "str": '"d"', "bool": "True", "Fruit": "Fruit.PEAR"}
DECORATIONS = (
    "extensions=[Around()]",
    "extensions=[Before(), Around()]",
    "extensions=[Doubting()]",
    "permission_classes=[Allowed]",
    "permission_classes=[LaterAllowed]",
    "permission_classes=[Allowed, LaterAllowed]",
    "extensions=[Around()], permission_classes=[Allowed]",
)


class BerrySource:
    """Writes one module."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.objects = [f"Thing{number}" for number in range(random.randint(3, 5))]
        self.inputs: list[str] = []
        self.unions = ["Either0", "Outcome0", "Outcome1"]

    def text(self) -> str:
        """The module: HEAD, inputs, types, unions, roots."""
        parts = [HEAD]
        for number in range(3):
            parts.append(self._input(f"In{number}"))
            self.inputs.append(f"In{number}")
        parts.append(self._class("interface", "Face0", "", ["    id: strawberry.ID"], 3))
        for name in self.objects:
            face = self.random.random() < 0.5 or name == "Thing0"
            own = ["    secret: strawberry.Private[int]"]
            if self.random.random() < 0.25:
                own.append(self._type_test(name))
            parts.append(self._class("type", name, "Face0" if face else "", own, self.random.randint(3, 6)))
        parts += [self._class("type", name, "", [], 7, rooted=True) for name in ("Query", "Mutation")]
        members = self.random.sample(self.objects, 2)
        parts.append(f'Either0 = Annotated[{" | ".join(members)}, strawberry.union("Either0")]')
        parts.append(f'Outcome0 = Annotated[{self.objects[0]} | Refusal, strawberry.union("Outcome0")]')
        parts.append(f'Outcome1 = Annotated[{self.objects[-1]} | Refusal, strawberry.union("Outcome1")]')
        return "\n\n\n".join(parts) + "\n"

    def _input(self, name: str) -> str:
        random, lines = self.random, []
        for number in range(random.randint(1, 4)):
            field = random.choice([f"a{number}", f"the_a{number}"])
            leaf = random.choice([*LEAVES, *self.inputs])
            way = random.randint(0, 5)
            lines.append(
                {
                    0: f"    {field}: {leaf}",
                    1: f"    {field}: {leaf} | None = None",
                    2: f"    {field}: {leaf} | None = strawberry.UNSET",
                    3: f"    {field}: strawberry.Maybe[{leaf}]",
                    4: f"    {field}: list[{leaf}] = strawberry.field(default_factory=list)",
                    5: f"    {field}: {leaf} = {DEFAULTS[leaf]}"
                    if leaf in DEFAULTS
                    else f"    {field}: list[{leaf} | None]",
                }[way]
            )
        return f"@strawberry.input\nclass {name}:\n" + "\n".join(lines)

    def _type_test(self, name: str) -> str:
        head = "    @classmethod\n    def is_type_of(cls, value, info):\n"
        return f'{head}        return W.judge("{name}", cls, value, info)\n'

    def _class(self, kind: str, name: str, base: str, own: list[str], count: int, *, rooted: bool = False) -> str:
        letter = name[0].lower() if rooted or kind == "interface" else f"f{name[-1]}"
        fields = [self._field(name, f"{letter}{number}", plain=not rooted) for number in range(count)]
        basic = [field for field in fields if "\n" not in field]
        others = [field for field in fields if "\n" in field]
        bases = f"({base})" if base else ""
        return f"@strawberry.{kind}\nclass {name}{bases}:\n" + "\n".join([*own, *basic, *others])

    def _field(self, owner: str, name: str, *, plain: bool) -> str:
        """A field: an attribute, or a resolver in one of its many forms."""
        random = self.random
        if plain and random.random() < 0.5:
            return f"    {name}: {self._output(basic=True)}"
        output = self._output(basic=False)
        parameters, arguments = self._parameters()
        first = random.choice(["self", "self", "self", f'self: "strawberry.Parent[{owner}]"'])
        info = random.random() < 0.5
        head = ", ".join([first, *(["info: strawberry.Info"] if info else []), *parameters])
        given = "{" + ", ".join(f'"{each}": {each}' for each in arguments) + "}"
        call = f'("{owner}", "{name}", self, {"info" if info else None}, {given})'
        way = random.choice(["give", "give", "give", "give_later", "give_later", "load", "promise"])
        asynchronous = way in {"give_later", "load"}
        decoration = random.choice(DECORATIONS) if random.random() < 0.3 else ""
        keyword, wait = ("async ", "await ") if asynchronous else ("", "")
        if random.random() < 0.15 and "| None" in output:
            decoration = "extensions=[PermissionExtension(permissions=[Allowed()], fail_silently=True)]"
        return (
            f"\n    @strawberry.field({decoration})\n"
            f"    {keyword}def {name}({head}) -> {output}:\n"
            f"        return {wait}W.{way}{call}\n"
        )

    def _parameters(self) -> tuple[list[str], list[str]]:
        random = self.random
        parameters, names = [], []
        for number in range(random.choice([0, 0, 0, 1, 1, 2])):
            name = random.choice([f"x{number}", f"some_x{number}"])
            leaf = random.choice([*LEAVES, *self.inputs * 3])
            way = random.randint(0, 5)
            parameters.append(
                {
                    0: f"{name}: {leaf}",
                    1: f"{name}: {leaf} | None = None",
                    2: f"{name}: {leaf} | None = strawberry.UNSET",
                    3: f"{name}: strawberry.Maybe[{leaf}] = None",
                    4: f"{name}: Optional[list[{leaf}]] = None",
                    5: f"{name}: {leaf} = {DEFAULTS[leaf]}" if leaf in DEFAULTS else f"{name}: list[{leaf}]",
                }[way]
            )
            names.append(name)
        parameters.sort(key=lambda each: "=" in each)
        return parameters, names

    def _output(self, *, basic: bool) -> str:
        random = self.random
        way = random.random()
        if way < 0.55:
            inner = random.choice(LEAVES)
        elif way < 0.8:
            inner = random.choice(self.objects)
        else:
            pages = [f"Page[{random.choice(self.objects)}]", "Page[int]"]
            inner = random.choice(["Face0", *self.unions, *pages])
        composite = way >= 0.55
        if random.random() < 0.35:
            inner = f"list[{inner}]" if random.random() < 0.6 else f"list[Optional[{inner}]]"
            composite = False
            if random.random() < 0.15:
                inner = f"list[{inner}]"
        return f"{inner} | None" if (composite and basic) or random.random() < 0.4 else inner
