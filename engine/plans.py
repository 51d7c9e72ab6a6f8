"""Compiled operations."""

from dataclasses import dataclass
from typing import Any

from graphql import OperationType
from graphql.execution import VariableValues
from graphql.execution.executor import default_field_resolver, default_type_resolver

from engine.compiling import Compiler
from engine.fields import Selection
from engine.operations import Operation
from engine.running import Run, run_class

BYTES_A_CHARACTER = 6
"""What a plan takes for a character of its source, with its code and its constants: measured with Python 3.11."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An operation as code."""

    source: str
    """The generated Python."""
    root: Selection
    prototype: Run
    """An executor with everything but a request's values."""

    @property
    def size(self) -> int:
        """Bytes that it is estimated to take."""
        return BYTES_A_CHARACTER * len(self.source)

    def run(
        self,
        *,
        root_value: Any,
        context_value: Any,
        variable_values: VariableValues,
        serially: bool | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> Any:
        """The result of the operation, or an awaitable of it. Root fields of mutations are executed in turn."""
        run = self.prototype.begin(
            {
                "root_value": root_value,
                "context_value": context_value,
                "variable_values": variable_values,
                "operation_extensions": operation_extensions,
            }
        )
        if serially is None:
            serially = run.operation.operation is OperationType.MUTATION
        return run.answer(self._in_turn if serially else self._at_once)

    def _at_once(self, run: Run) -> Any:
        return run.select(self.root, run.root_value, None)

    def _in_turn(self, run: Run) -> Any:
        return run.execute_fields_serially(self.root.parent, run.root_value, None, self.root.grouped, None)


def compiled(operation: Operation, values: VariableValues, executor_class: Any, is_awaitable: Any) -> Plan:
    """The plan of an operation for these values of its conditions. Raises Unsupported."""
    compiler = Compiler(operation, values)
    source, root = compiler.compile()
    prototype: Run = run_class(executor_class)(
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
    prototype.selections = compiler.selections
    return Plan(source, root, prototype)
