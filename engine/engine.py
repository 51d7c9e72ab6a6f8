"""Executes GraphQL operations as graphql-core does, compiled to Python where that is possible."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLSchema
from graphql.execution import Executor, get_variable_values
from graphql.execution.incremental.incremental_executor import IncrementalExecutor
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.errors import Unsupported
from engine.operations import Operation, operation_of
from engine.plans import Plan, compile_plan

log = logging.getLogger(__name__)


def ignore(reason: str) -> None:
    """Do nothing with the reason of a fallback."""


class Engine:
    """Executes the operations of a schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        plans: int = 256,
        threshold: int = 2,
        executor_class: type[Executor[Any]] | None = None,
    ) -> None:
        strawberry = getattr(schema, "_strawberry_schema", None)
        self._schema = schema
        self._executor_class = executor_class or (StrawberryGraphQLCoreExecutionContext if strawberry else IncrementalExecutor)
        self._extended = issubclass(self._executor_class, StrawberryGraphQLCoreExecutionContext)
        self._plans = plans
        self._threshold = threshold
        self._known: OrderedDict[tuple[int, str | None], _Known] = OrderedDict()

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
        """The result of an operation, or an awaitable of it: what `graphql.execute` gives."""
        given = {"root_value": root_value, "context_value": context_value}
        try:
            known = self._of(document, operation_name)
            operation = known.operation(self._schema, document, operation_name)
            values = get_variable_values(
                self._schema, operation.node.variable_definitions or (), variable_values or {}, max_errors=50
            )
            if isinstance(values, list):
                return ExecutionResult(None, errors=values)
            plan = known.plan(values, self._compiled)
        except Unsupported as unsupported:
            if unsupported.reason != "new":
                fell_back(unsupported.reason)
            if self._extended:
                given["operation_extensions"] = operation_extensions
            executor = self._executor_class.build(
                self._schema,
                document,
                raw_variable_values=variable_values,
                operation_name=operation_name,
                is_awaitable=optimized_is_awaitable,
                **given,
            )
            if isinstance(executor, list):
                return ExecutionResult(None, errors=executor)
            return executor.execute_operation(serially)
        return plan.run(
            **given, variable_values=values, serially=serially, operation_extensions=operation_extensions
        )

    def source(
        self, document: DocumentNode, operation_name: str | None = None, variable_values: dict[str, Any] | None = None
    ) -> str:
        """The Python of an operation. Raises Unsupported."""
        return self._made(document, operation_name, variable_values).source

    def plan(
        self, document: DocumentNode, operation_name: str | None, variable_values: dict[str, Any] | None
    ) -> Plan | None:
        """The plan of an operation; None where graphql-core has to execute it."""
        try:
            return self._made(document, operation_name, variable_values)
        except Unsupported:
            return None

    def _made(self, document: DocumentNode, operation_name: str | None, variable_values: dict[str, Any] | None) -> Plan:
        operation = operation_of(self._schema, document, operation_name)
        values = get_variable_values(self._schema, operation.node.variable_definitions or (), variable_values or {})
        if isinstance(values, list):
            raise Unsupported("variables")
        operation.variant(values.coerced)
        return self._compiled(operation, values)

    def _compiled(self, operation: Operation, values: Any) -> Plan:
        try:
            return compile_plan(operation, values, self._executor_class, optimized_is_awaitable)
        except Unsupported:
            raise
        except Exception as error:
            log.exception("An operation could not be compiled")
            raise Unsupported("failed") from error

    def _of(self, document: DocumentNode, operation_name: str | None) -> "_Known":
        key = id(document), operation_name
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _Known(document)
            if len(self._known) > self._plans:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        known.times += 1
        if known.times < self._threshold:
            raise Unsupported("new")
        return known


class _Known:
    """A document that was executed."""

    def __init__(self, document: DocumentNode) -> None:
        self.document = document
        self.times = 0
        self._operation: Operation | Unsupported | None = None
        self._variants: dict[tuple[bool, ...], Plan | Unsupported] = {}

    def operation(self, schema: GraphQLSchema, document: DocumentNode, operation_name: str | None) -> Operation:
        if self._operation is None:
            try:
                self._operation = operation_of(schema, document, operation_name)
            except Unsupported as unsupported:
                self._operation = unsupported
        if isinstance(self._operation, Unsupported):
            raise self._operation
        return self._operation

    def plan(self, values: Any, compiled: Callable[[Operation, Any], Plan]) -> Plan:
        operation = self._operation
        assert isinstance(operation, Operation)
        variant = operation.variant(values.coerced)
        plan = self._variants.get(variant)
        if plan is None:
            try:
                plan = compiled(operation, values)
            except Unsupported as unsupported:
                plan = unsupported
            self._variants[variant] = plan
        if isinstance(plan, Unsupported):
            raise plan
        return plan
