"""Code that changes an object while it is answered: what was read before is answered as it was, the rest is not."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, NewType

import pytest
import strawberry
from graphql import GraphQLSchema, parse
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as StrawberryExecutor

from engine.engine import Engine
from tests.engine.doors import EXECUTORS, Door

Shouted = NewType("Shouted", object)
SHELVES: list["Shelf"] = []


def shout(value: Any) -> str:
    """Written with an effect."""
    SHELVES[-1].change()
    return f"{value}!"


@strawberry.enum
class Size(Enum):
    """How big a thing is."""

    SMALL = 1
    BIG = 2


@strawberry.type
class Box:
    """Nothing but values."""

    tags: list[str]
    sizes: list[Size | None] | None = None
    inside: "Box | None" = None


@strawberry.type
class Shelf:
    """What changes."""

    name: str
    box: Box
    other: Box | None
    numbers: list[int]
    size: Size
    shouted: Shouted
    made: date
    price: Decimal
    boxes: list[Box]
    rows: list["Shelf"] = strawberry.field(default_factory=list)

    @strawberry.field
    def spoil(self) -> int:
        self.change()
        return 1

    def change(self) -> None:
        """Puts wrong things, and right ones, into all that it has."""
        boxes: list[Any] = [box for box in (self.box, self.other, self.box.inside) if box]
        for box in boxes:
            box.tags.append(None)
            box.sizes = None
        numbers: list[Any] = self.numbers
        numbers += [2**40, "3"]
        self.name, self.size = "spoilt", Size.BIG


class Spoiling(Box):
    """Is no box by its very class, and changes the shelf it stands on when it is read."""

    @property
    def tags(self) -> list[str]:
        SHELVES[-1].change()
        return ["spoilt"]

    @tags.setter
    def tags(self, _: list[str]) -> None:
        pass


@strawberry.type
class Query:
    """What is asked for."""

    @strawberry.field
    def shelf(self) -> Shelf:
        return SHELVES[-1]


SCHEMA: GraphQLSchema = strawberry.Schema(
    Query,
    config=StrawberryConfig(
        scalar_map={Shouted: strawberry.scalar(name="Shouted", serialize=shout, parse_value=lambda value: value)}
    ),
)._schema
BOX = "{ tags sizes inside { tags sizes inside { tags } } }"


@pytest.fixture(params=EXECUTORS)
def door(request: pytest.FixtureRequest) -> Door:
    return Door(request.param)


def shelf() -> Shelf:
    """A new one."""
    inside = Box(tags=["c"], sizes=[Size.BIG])
    return Shelf(
        name="new",
        box=Box(tags=["a", "b"], sizes=[Size.SMALL, None], inside=inside),
        other=None,
        numbers=[1],
        size=Size.SMALL,
        shouted=Shouted("hey"),
        made=date(2026, 1, 2),
        price=Decimal("1.5"),
        boxes=[Box(tags=["d"])],
    )


def answer(door: Door, fields: str, **given: Any) -> Any:
    """The answer about a new shelf with something else about it."""
    SHELVES[:] = [replace(shelf(), **given)]
    options = {} if door.is_compiled else {"executor_class": StrawberryExecutor}
    result = door.now(SCHEMA, f"{{ shelf {{ {fields} }} }}", **options)
    assert result.errors is None
    assert result.data is not None
    return result.data["shelf"]


INSIDE = {"tags": ["c"], "sizes": ["BIG"], "inside": None}
WHOLE = {"tags": ["a", "b"], "sizes": ["SMALL", None], "inside": INSIDE}


def test_what_was_read_before_a_resolver_is_answered_as_it_was(door: Door) -> None:
    """Lists too, within objects too, present or not; nothing is answered that was not tested."""
    found = answer(door, f"box {BOX} other {BOX} numbers size spoil name after: size")
    assert found["box"] == WHOLE
    assert found["other"] is None
    assert (found["numbers"], found["size"]) == ([1], "SMALL")
    assert (found["name"], found["after"]) == ("spoilt", "BIG")
    given = Box(tags=[], sizes=None)
    assert answer(door, f"other {BOX} spoil", other=given)["other"] == {"tags": [], "sizes": None, "inside": None}


@pytest.mark.parametrize("what", ["shouted", "rows { shouted }", "row: rows { shouted box { tags } }"])
def test_a_scalar_of_ones_own_may_change_what_comes_after_it(door: Door, what: str) -> None:
    """Its function is anybody's code: what follows is read when it has run."""
    found = answer(door, f"before: name box {BOX} {what} name size made price", rows=[shelf()])
    assert (found["before"], found["box"]) == ("new", WHOLE)
    assert (found["name"], found["size"]) == ("spoilt", "BIG")
    assert (found["made"], found["price"]) == ("2026-01-02", "1.5")


def test_an_object_of_another_class_may_change_what_comes_after_it(door: Door) -> None:
    """Wherever it stands: what follows objects that are not read in one expression is read when these are completed."""
    odd = Spoiling(tags=[])
    found = answer(door, "before: numbers boxes { tags } name after: size", boxes=[Box(tags=["d"]), odd])
    assert found["boxes"] == [{"tags": ["d"]}, {"tags": ["spoilt"]}]
    assert (found["before"], found["name"], found["after"]) == ([1], "spoilt", "BIG")


def test_strawberrys_own_scalars_change_nothing() -> None:
    """What stands beside them is still read in one expression."""
    source = Engine(SCHEMA).source(parse("{ shelf { made price name } }"))
    assert "name := source.name" in source
    assert "name := source.name" not in Engine(SCHEMA).source(parse("{ shelf { shouted name } }"))
