"""Both executors behind the same door, for tests that say what holds for each of them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLSchema, execute, parse, subscribe
from graphql.execution.incremental.incremental_executor import IncrementalExecutor
from graphql.pyutils import is_awaitable

from engine.engine import Engine

EXECUTORS = ("interpreted", "compiled")


class PlannedEvents(IncrementalExecutor):
    """Executes each event of a subscription by the compiled plan."""

    engine: Engine
    planned: DocumentNode
    variables: dict[str, Any]

    def build_per_event_executor(self, payload: Any) -> Any:
        """What executes one event."""
        plan = self.engine.plan(self.planned, None, self.variables)
        assert plan is not None

        def execute_operation(_serially: bool | None = None) -> Any:  # ruff: ignore[boolean-type-hint-positional-argument] -- graphql-core's signature
            return plan.run(
                root_value=payload,
                context_value=self.context_value,
                variable_values=self.variable_values,
                serially=False,
            )

        return SimpleNamespace(execute_operation=execute_operation)


class Door:
    """Executes operations with one of the executors. `fell_back` holds why operations were not compiled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fell_back: list[str] = []

    @property
    def is_compiled(self) -> bool:
        return self.name == "compiled"

    def __call__(self, schema: GraphQLSchema, text: str, root: Any = None, **options: Any) -> Any:
        """The result, or an awaitable of it. A compiled operation is compiled indeed."""
        expects = options.pop("falls_back", [])
        given = {
            "root_value": root,
            "context_value": options.pop("context", None),
            "variable_values": options.pop("variables", None),
            **options,
        }
        document = parse(text)
        if not self.is_compiled:
            return execute(schema, document, **given)
        before = len(self.fell_back)
        result = Engine(schema, threshold=1).execute(document, fell_back=self.fell_back.append, **given)
        assert self.fell_back[before:] == expects
        return result

    def now(self, *arguments: Any, **options: Any) -> ExecutionResult:
        """The result of what does not wait."""
        result = self(*arguments, **options)
        assert not is_awaitable(result)
        assert isinstance(result, ExecutionResult)
        return result

    async def later(self, *arguments: Any, **options: Any) -> ExecutionResult:
        """The result of what waits."""
        result = self(*arguments, **options)
        assert is_awaitable(result)
        found: ExecutionResult = await result
        return found

    async def subscribed(self, schema: GraphQLSchema, text: str, root: Any = None, **variables: Any) -> Any:
        """What subscribing gives: a stream of results, or one result with errors."""
        document = parse(text)
        executor = type(
            "Planned",
            (PlannedEvents,),
            {"engine": Engine(schema, threshold=1), "planned": document, "variables": variables},
        )
        given: dict[str, Any] = {"executor_class": executor} if self.is_compiled else {}
        result = subscribe(schema, document, root_value=root, variable_values=variables, **given)
        return await result if is_awaitable(result) else result


def told(result: ExecutionResult) -> list[tuple[Any, ...]]:
    """Message, path and places of each error."""
    return [
        (error.message, error.path, [(place.line, place.column) for place in error.locations or ()])
        for error in result.errors or ()
    ]


Make = Callable[..., Any]
