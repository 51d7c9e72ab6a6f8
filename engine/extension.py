"""The engine as a Strawberry extension: `extensions=[…, CompiledExecution]`, the last of them."""

import inspect
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

from strawberry import Schema
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from engine.engine import Engine

SCHEMAS = 16
"""Schemas of one process whose engines are kept."""


@lru_cache(SCHEMAS)
def engine_of(schema: Schema) -> Engine | None:
    """The engine of a schema; None where an extension or a directive wants to see each field resolved."""
    if any(extension._implements_resolve() for extension in schema.get_extensions()):  # ruff: ignore[private-member-access] -- Strawberry asks no other way
        return None
    return Engine(schema._schema, executor_class=schema.execution_context_class)  # ruff: ignore[private-member-access] -- there is no other way to it


class CompiledExecution(SchemaExtension):
    """Executes queries and mutations with the engine, and leaves subscriptions as they are."""

    async def on_execute(self) -> AsyncIterator[None]:  # type: ignore[override]
        """Give the result before Strawberry executes anything."""
        context = self.execution_context
        if context.result is None and context.operation_type is not OperationType.SUBSCRIPTION:
            result = self._result()
            context.result = await result if inspect.isawaitable(result) else result
        yield

    def _result(self) -> Any:
        context = self.execution_context
        engine = engine_of(context.schema)  # type: ignore[arg-type]
        if engine is None:
            self.fell_back("middleware")
            return None
        assert context.graphql_document is not None
        return engine.execute(
            context.graphql_document,
            root_value=context.root_value,
            context_value=context.context,
            variable_values=context.variables,
            operation_name=context.operation_name,
            operation_extensions=context.operation_extensions,
            fell_back=self.fell_back,
        )

    def fell_back(self, reason: str) -> None:
        """Called for each operation that graphql-core has to execute."""
