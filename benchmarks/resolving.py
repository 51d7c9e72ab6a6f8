"""How much faster a compiled operation resolves than in stock Strawberry: `python -m benchmarks.resolving`.

A feed of 50 items with its data in memory, parsed and validated beforehand, so that nothing but execution is timed; in
time of the processor, which other programs on the machine change little.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import strawberry
from graphql import execute, parse
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.engine import Engine

ITEMS = 50
FEED = "{ feed { edges { score reason node { id title summary category tags } } } }"
STOCK_TIMES = 5
COMPILED_TIMES = 100
"""Executions in one turn of each, about as long."""


@strawberry.interface
class Node:
    """An interface, so that Strawberry asks of each item whether it is one."""

    id: strawberry.ID


@strawberry.type
class Item(Node):
    """What is recommended."""

    title: str
    summary: str
    category: str
    tags: list[str]


@strawberry.type
class Edge:
    """An item with its score."""

    score: float
    reason: str
    node: Item


@strawberry.type
class Connection:
    """A page."""

    edges: list[Edge]


def _edge(number: int) -> Edge:
    item = Item(
        id=strawberry.ID(str(number)),
        title=f"Item {number}",
        summary="A sentence about the item, as long as they are.",
        category="things",
        tags=["one", "two", "three", "four"],
    )
    return Edge(score=number / ITEMS, reason="Because of what you liked", node=item)


PAGE = Connection(edges=[_edge(number) for number in range(ITEMS)])


@strawberry.type
class Query:
    """The feed."""

    @strawberry.field
    def feed(self) -> Connection:
        """The page that is in memory."""
        return PAGE


@dataclass(frozen=True)
class Resolved:
    """Medians of one execution, and the ratio of medians with that of the rounds nearest to the quartiles."""

    stock_ms: float
    compiled_ms: float
    ratio: float
    low: float
    high: float


def measure(rounds: int) -> Resolved:
    """Both in turn, so often."""
    schema = strawberry.Schema(Query)._schema  # ruff: ignore[private-member-access] -- Strawberry gives no other way to it
    document, engine = parse(FEED), Engine(schema, threshold=1)

    def stock() -> object:
        return execute(
            schema,
            document,
            executor_class=StrawberryGraphQLCoreExecutionContext,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )

    def compiled() -> object:
        return engine.execute(document)

    assert stock() == compiled()
    turns = [(_timed(stock, STOCK_TIMES), _timed(compiled, COMPILED_TIMES)) for _ in range(rounds)]
    slow, fast = (statistics.median(times) for times in zip(*turns, strict=True))
    low, _, high = statistics.quantiles([one / other for one, other in turns], n=4)
    return Resolved(slow * 1000, fast * 1000, slow / fast, low, high)


def _timed(execution: Callable[[], object], times: int) -> float:
    started = time.thread_time()
    for _ in range(times):
        execution()
    return (time.thread_time() - started) / times


if __name__ == "__main__":
    figures = measure(100)
    print(
        f"a feed of {ITEMS} items in memory: stock {figures.stock_ms:.2f} ms, compiled {figures.compiled_ms:.3f} ms, "
        f"{figures.ratio:.0f} times as fast (half of all rounds between {figures.low:.0f} and {figures.high:.0f})"
    )
