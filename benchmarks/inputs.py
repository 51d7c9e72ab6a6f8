"""How much faster generated code reads variables and calls resolvers than graphql-core and Strawberry do.

`python -m benchmarks.inputs`: microseconds per request, the best of several turns, in this process alone.
"""

from collections.abc import Callable
from functools import partial
from timeit import repeat
from typing import Any

import strawberry
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from engine.inputs import Constants, arguments_source, direct_call, variables_reader
from resolvers.root import build_schema

TURNS, TIMES = 9, 2000
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { __typename } }"
RECORD = "mutation ($events: [InteractionInput!]!) { recordInteractions(interactions: $events) { accepted } }"
CREDENTIALS = {"input": {"email": "ada@example.com", "password": "correct horse battery staple"}}
EVENTS = {"events": [{"itemId": f"item{number}", "kind": "CLICK", "recommendationId": "r"} for number in range(10)]}


@strawberry.type
class Query:
    """A resolver that takes a page, as most of ours do."""

    @strawberry.field
    async def page(
        self, info: strawberry.Info, first: int | None = None, after: str | None = None, last: int | None = None
    ) -> int:
        """What it was asked for."""
        return first or 0


def operation_of(text: str) -> OperationDefinitionNode:
    """The operation of a document."""
    operation = parse(text).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def microseconds(call: Callable[[], object]) -> float:
    """How long a call takes at best."""
    return min(repeat(call, number=TIMES, repeat=TURNS)) / TIMES * 1e6


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print a line."""
    mine, other = microseconds(ours), microseconds(theirs)
    print(f"{name:<36}{mine:8.2f} us{other:8.2f} us{other / mine:7.1f} times")


def variables(name: str, text: str, raw: dict[str, Any]) -> None:
    """Compare the reading of variables."""
    schema, operation = build_schema()._schema, operation_of(text)  # ruff: ignore[private-member-access] -- graphql-core's schema
    read = variables_reader(schema, operation)
    compare(name, partial(read, raw), partial(get_variable_values, schema, operation.variable_definitions or (), raw))


def finish(coroutine: Any) -> Any:
    """What a coroutine gives that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        return stopped.value


def resolver() -> None:
    """Compare the call of a resolver, its arguments included."""
    field = strawberry.Schema(Query)._schema.type_map["Query"].fields["page"]  # type: ignore[attr-defined]  # ruff: ignore[private-member-access] -- as above
    node: Any = operation_of("{ page(first: 50) }").selection_set.selections[0]
    direct = direct_call(field.extensions["strawberry-definition"], field)
    assert direct is not None
    names, none = Constants(), VariableValues({}, {})
    _, expression = direct.write(arguments_source(field, node, names), names)
    exec(f"def call(source, info): return {expression}", names.values)  # ruff: ignore[exec-builtin] -- it is generated code
    compare(
        "resolver with a page's arguments",
        lambda: finish(names.values["call"](None, None)),
        lambda: finish(field.resolve(None, None, **get_argument_values(field, node, none))),
    )


if __name__ == "__main__":
    print(f"{'':<36}{'generated':>11}{'stock':>11}")
    variables("variables of login", LOGIN, CREDENTIALS)
    variables("variables of ten interactions", RECORD, EVENTS)
    resolver()
