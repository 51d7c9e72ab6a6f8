"""Executes GraphQL operations as graphql-core does, compiled to Python where that is possible."""

import logging
from collections.abc import Callable
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLSchema, assert_valid_schema, execute
from graphql.execution import Executor, VariableValues
from graphql.execution.incremental.incremental_executor import IncrementalExecutor
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.cache import Plans
from engine.errors import Unsupported
from engine.operations import Operation, operation_of
from engine.plans import Plan, compiled

log = logging.getLogger(__name__)


def ignore(_: str) -> None:
    """Do nothing about an operation that graphql-core executes."""


class Engine:
    """Executes the operations of a schema.

    `plans` bounds how many operations are kept compiled; one is compiled at its `threshold`th execution, and goes with
    its document. Where the schema is Strawberry's, resolvers are told what Strawberry tells them.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        plans: int = 256,
        threshold: int = 2,
        executor_class: type[Executor[Any]] | None = None,
    ) -> None:
        strawberrys = hasattr(schema, "_strawberry_schema")
        self._schema = schema
        self._executor_class = executor_class or (
            StrawberryGraphQLCoreExecutionContext if strawberrys else IncrementalExecutor
        )
        self._takes_extensions = issubclass(self._executor_class, StrawberryGraphQLCoreExecutionContext)
        self._plans = Plans(self._operation, self._compiled, count=plans, threshold=threshold)

    def execute(
        self,
        document: DocumentNode,
        *,
        root_value: Any = None,
        context_value: Any = None,
        variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        serially: bool | None = None,
        operation_extensions: dict[str, Any] | None = None,
        fell_back: Callable[[str], None] = ignore,
    ) -> Any:
        """The result of an operation, or an awaitable of it: what `graphql.execute` gives.

        `serially` says whether root fields are executed in turn, which mutations do by themselves. `fell_back` is
        called with the reason where graphql-core executes the operation.
        """
        try:
            kept = self._plans.kept(document, operation_name)
            values = kept.operation.read(variable_values or {})
            if isinstance(values, list):
                return ExecutionResult(None, errors=values)
            plan = self._plans.plan(kept, values)
        except Unsupported as unsupported:
            fell_back(unsupported.reason)
        else:
            return plan.run(
                root_value=root_value,
                context_value=context_value,
                variable_values=values,
                serially=serially,
                operation_extensions=operation_extensions,
            )
        given = {"operation_extensions": operation_extensions} if self._takes_extensions else {}
        return self._interpreted(
            document,
            serially,
            root_value=root_value,
            context_value=context_value,
            operation_name=operation_name,
            is_awaitable=optimized_is_awaitable,
            **self._variables(variable_values, serially),
            **given,
        )

    def source(
        self, document: DocumentNode, operation_name: str | None = None, variable_values: dict[str, Any] | None = None
    ) -> str:
        """The Python of an operation, whether it was executed or not. Raises Unsupported."""
        operation = self._operation(document, operation_name)
        values = operation.read(variable_values or {})
        if isinstance(values, list):
            raise Unsupported("variables")
        operation.variant(values.coerced)
        return self._compiled(operation, values).source

    def plan(
        self, document: DocumentNode, operation_name: str | None, variable_values: dict[str, Any] | None
    ) -> Plan | None:
        """The plan of an operation, asking for which counts as executing it; None where graphql-core executes it."""
        try:
            kept = self._plans.kept(document, operation_name)
            values = kept.operation.read(variable_values or {})
            return None if isinstance(values, list) else self._plans.plan(kept, values)
        except Unsupported:
            return None

    def _operation(self, document: DocumentNode, operation_name: str | None) -> Operation:
        assert_valid_schema(self._schema)
        if self._schema.get_directive("defer") or self._schema.get_directive("stream"):
            raise Unsupported("incremental")
        return operation_of(self._schema, document, operation_name)

    def _compiled(self, operation: Operation, values: VariableValues) -> Plan:
        try:
            return compiled(operation, values, self._executor_class, optimized_is_awaitable)
        except Unsupported:
            raise
        except RecursionError:
            raise Unsupported("size") from None
        except Exception as error:
            log.exception("An operation could not be compiled")
            raise Unsupported("failed") from error

    def _interpreted(self, document: DocumentNode, serially: bool | None, **given: Any) -> Any:  # ruff: ignore[boolean-type-hint-positional-argument] -- as graphql-core has it
        if serially is None:
            return execute(self._schema, document, executor_class=self._executor_class, **given)
        executor = self._executor_class.build(self._schema, document, **given)
        if isinstance(executor, list):
            return ExecutionResult(None, errors=executor)
        return executor.execute_operation(serially)

    def _variables(self, variable_values: dict[str, Any] | None, serially: bool | None) -> dict[str, Any]:  # ruff: ignore[boolean-type-hint-positional-argument] -- as above
        return {"variable_values" if serially is None else "raw_variable_values": variable_values}
