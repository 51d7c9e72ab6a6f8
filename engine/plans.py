"""Compiled operations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, OperationType
from graphql.execution import Executor, VariableValues
from graphql.execution.executor import default_field_resolver, default_type_resolver

from engine.compiling import Writer
from engine.operations import Operation
from engine.running import Run, run_class


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An operation as code."""

    source: str
    """The generated Python."""
    prototype: Run
    """An executor with everything but a request's values."""
    execute: Callable[[Run], Any]
    """Executes the root's selection."""
    serial: Callable[[Run], Any]
    """Executes it field after field."""
    mutation: bool

    def run(
        self,
        *,
        root_value: Any,
        context_value: Any,
        variable_values: VariableValues,
        serially: bool | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> Any:
        """The result of the operation, or an awaitable of it."""
        run = self.prototype.begin({
            "root_value": root_value,
            "context_value": context_value,
            "variable_values": variable_values,
            "operation_extensions": operation_extensions,
        })
        in_turn = self.mutation if serially is None else serially
        return run.answer(self.serial if in_turn else self.execute)


def compile_plan(
    operation: Operation, variable_values: VariableValues, executor_class: type[Executor[Any]], is_awaitable: Any
) -> Plan:
    """The plan of an operation for these values of its conditions. Raises Unsupported."""
    writer = Writer(operation, variable_values)
    source = writer.write()
    namespace = writer.names.values
    exec(compile(source, "<compiled GraphQL>", "exec"), namespace)  # ruff: ignore[exec-builtin] -- of our own writing
    for fast, class_, name in writer.fast:
        fast.setdefault(class_, namespace[name])
    prototype = _prototype(operation, executor_class, is_awaitable)
    prototype.functions = {key: namespace[name] for key, name in writer.functions.items()}
    root, root_type, grouped = namespace["root"], operation.root_type, writer.grouped
    return Plan(
        source,
        prototype,
        lambda run: root(run, run.root_value, None),
        lambda run: run.execute_fields_serially(root_type, run.root_value, None, grouped, None),
        operation.node.operation is OperationType.MUTATION,
    )


def _prototype(operation: Operation, executor_class: type[Executor[Any]], is_awaitable: Any) -> Run:
    return run_class(executor_class)(
        operation.schema,
        {name: details.definition for name, details in operation.fragments.items()},
        operation.fragments,
        None,
        None,
        operation.node,
        VariableValues({}, {}),
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        is_awaitable=is_awaitable,
    )
