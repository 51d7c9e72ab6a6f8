"""Strawberry resolvers of every form: what they take, how they give it, and what stands around them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import wraps
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.relay import GlobalID
from strawberry.schema.config import StrawberryConfig
from strawberry.types import get_object_definition
from strawberry.types.arguments import InputContext


@strawberry.enum(name="Colour")
class Paint(Enum):
    """Two of the colours."""

    RED = 1
    GREEN = 2


@strawberry.input
class Spot:
    """An input whose instances check themselves."""

    x: int
    y: float | None = 0.5
    tag_names: list[str] | None = None

    def __post_init__(self) -> None:
        if self.x == 0:
            raise ValueError("no spot")


@strawberry.input
class Tree:
    """An input that holds itself, and everything else."""

    spot: Spot
    given: strawberry.Maybe[int]
    nullable: strawberry.Maybe[int | None]
    colour: Paint | None = Paint.RED
    inside: list[Annotated["Tree", strawberry.lazy("tests.engine.resolver_worlds")]] | None = None
    spots: list[Spot | None] = field(default_factory=list)
    unset: int | None = strawberry.UNSET


@strawberry.input(name="Own")
class BuildsItself:
    """An input that is told of the request."""

    x: int


def build_own(of: Any, value: Any, context: InputContext) -> BuildsItself:
    """How it is built."""
    built: BuildsItself = of(x=value["x"] + (context.info is not None))
    return built


get_object_definition(BuildsItself, strict=True).from_input = build_own


class Noted(FieldExtension):
    """Notes what it is given, around a resolver of either kind."""

    def __init__(self, name: str) -> None:
        self.name = name

    def resolve(self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        return f"{self.name}({source}, {type(info).__name__}, {kwargs}): {next_(source, info, **kwargs)}"

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        kwargs.pop("after", None)
        return f"{self.name}({source}, {type(info).__name__}, {kwargs}): {await next_(source, info, **kwargs)}"


class Renamed(FieldExtension):
    """Changes arguments before the resolver."""

    def map_arguments(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"first": 1, **kwargs}


class BadValue(Exception):
    """What a handler makes an answer of."""


@strawberry.type
class Failure:
    """That answer."""

    message: str


@strawberry.type
class Success:
    """The other answer."""

    message: str


class BadValues(strawberry.ExceptionHandler[BadValue, Failure]):
    """Declines one of them."""

    def handle(self, exception: BadValue, *, field: Any, info: Any) -> Failure | None:
        return None if str(exception) == "2" else Failure(message=f"{exception} {field.name} {type(info).__name__}")


def traced(function: Any) -> Any:
    """A decorator that keeps the signature."""

    @wraps(function)
    async def traced_function(*args: Any, **kwargs: Any) -> Any:
        return f"traced {await function(*args, **kwargs)}"

    return traced_function


def taken(root: Any, first: int | None, word: str = "word") -> str:
    """A function that takes the source by keyword, and may lack an argument."""
    return f"{root} {first} {word}"


async def taken_later(info: strawberry.Info, parent: strawberry.Parent[Any], first: int | None) -> str:
    """The same, later."""
    await asyncio.sleep(0)
    return f"{info.field_name} {parent} {first}"


@strawberry.type
class Query:
    """One field for each form."""

    free: str = strawberry.field(resolver=taken)
    free_async: str = strawberry.field(resolver=taken_later)
    noted_free: str = strawberry.field(resolver=taken_later, extensions=[Noted("outer")])

    @strawberry.field
    def plain(self) -> str:
        return f"{self}"

    @strawberry.field
    async def later(self, info: strawberry.Info, first: int | None = None, after_that: str = "a") -> str:
        await asyncio.sleep(0)
        return f"{self} {info.python_name} {type(info).__name__} {first} {after_that}"

    @strawberry.field
    def named(self, told: strawberry.Info, a: Annotated[int, strawberry.argument(name="from")] = 3) -> str:
        return f"{told.python_name} {a}"

    @strawberry.field
    def inputs(self, tree: Tree, spots: list[Spot] | None = None, colours: list[Paint | None] | None = None) -> str:
        return f"{tree} {spots} {colours}"

    @strawberry.field
    async def inputs_later(self, tree: Tree | None = None, key: GlobalID | None = None) -> str:
        return f"{tree} {key}"

    @strawberry.field
    def maybes(
        self, one: strawberry.Maybe[int], other: strawberry.Maybe[list[str] | None], keys: list[GlobalID]
    ) -> str:
        return f"{one} {other} {keys}"

    @strawberry.field
    def gives_awaitable(self, first: int = 1) -> str:
        return taken_later(SimpleNamespace(field_name="given"), self, first)  # type: ignore[arg-type, return-value]

    @strawberry.field
    @traced
    async def decorated(self, first: int | None) -> str:
        return f"{self} {first}"

    @strawberry.field
    @staticmethod
    def still(first: int = 2) -> str:
        return f"{first}"

    @strawberry.field
    @classmethod
    async def of_class(cls, first: int = 2) -> str:
        return f"{cls.__name__} {first}"

    @strawberry.field(extensions=[Noted("inner"), Noted("outer")])  # type: ignore[untyped-decorator]
    def noted(self, info: strawberry.Info, spot: Spot, first: int | None = None) -> str:
        return f"{self} {type(info).__name__} {spot} {first}"

    @strawberry.field(extensions=[Noted("inner"), Noted("outer")])  # type: ignore[untyped-decorator]
    async def noted_later(self, told: strawberry.Info, after: str = "b", spot: Spot | None = None) -> str:
        return f"{self} {type(told).__name__} {after} {spot}"

    @strawberry.field
    def handled(self, first: int = 0, spot: Spot | None = None) -> Success | Failure:
        if first:
            raise BadValue(first)
        return Success(message=f"{spot}")

    @strawberry.field(extensions=[Noted("outer")])  # type: ignore[untyped-decorator]
    async def handled_later(self, first: int = 0, spot: Spot | None = None) -> Success | Failure:
        await asyncio.sleep(0)
        if first:
            raise BadValue(first)
        return Success(message=f"{spot}")

    @strawberry.field
    def builds(self, own: BuildsItself) -> str:
        return f"{own}"

    @strawberry.field(extensions=[Renamed()])  # type: ignore[untyped-decorator]
    def renamed(self, first: int = 2) -> str:
        return f"{first}"

    @strawberry.field
    def misnamed(self, source: Annotated[int, strawberry.argument(name="_source")] = 1) -> str:
        return f"{source}"

    basic: str = "basic"
    noted_basic: str = strawberry.field(default="basic", extensions=[Noted("outer")])


NOT_DIRECT = {"builds", "misnamed", "renamed", "basic", "notedBasic"}


@dataclass
class Told(strawberry.Info):
    """An Info that does something when it is made."""

    made: ClassVar[list[Any]] = []

    def __post_init__(self) -> None:
        self.made.append(self)


class Renaming(strawberry.Info):
    """An Info that does not."""


def build(info_class: type[strawberry.Info] = Renaming) -> strawberry.Schema:
    """The schema of all forms."""
    return strawberry.Schema(Query, exception_handlers=[BadValues()], config=StrawberryConfig(info_class=info_class))
