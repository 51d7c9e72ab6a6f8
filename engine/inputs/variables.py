"""Variables of an operation as code: what graphql-core's `get_variable_values` gives, for values that surely fit."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableDefinitionNode,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import (
    VariableValues,
    VariableValueSource,
    get_variable_values,
    input_is_nested_too_deeply,
)

from engine.inputs.defaults import Refused
from engine.inputs.literals import Literals, Scope
from engine.inputs.values import MAX_LINES, ValueReaders, may_be_too_deep

log = logging.getLogger(__name__)

VariablesReader = Callable[[dict[str, Any]], VariableValues | list[GraphQLError]]


def variables_reader(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    max_errors: int | None = 50,
    *,
    hide_suggestions: bool = False,
) -> VariablesReader:
    """A function from raw values to what `get_variable_values` gives for them.

    Code is generated for values that surely fit: all else goes to graphql-core as a whole, so that errors are its own.
    A parser of a custom scalar is called once for a request whose variables all fit.
    """
    definitions = operation.variable_definitions or ()
    slow = partial(_interpreted, schema, definitions, max_errors=max_errors, hide_suggestions=hide_suggestions)
    signatures = [get_variable_signature(schema, definition) for definition in definitions]
    if any(isinstance(signature, GraphQLError) for signature in signatures):
        return slow
    writer = VariablesWriter()
    try:
        for definition, signature in zip(definitions, signatures, strict=True):
            assert isinstance(signature, GraphQLVariableSignature)
            writer.add(definition, signature)
        return writer.function(slow)
    except Refused:
        return slow
    except Exception:
        log.exception("The variables of an operation could not be compiled")
        return slow


def _interpreted(
    schema: GraphQLSchema,
    definitions: tuple[VariableDefinitionNode, ...],
    raw: dict[str, Any],
    *,
    max_errors: int | None,
    hide_suggestions: bool,
) -> VariableValues | list[GraphQLError]:
    return get_variable_values(schema, definitions, raw, max_errors, hide_suggestions)


class VariablesWriter:
    """Writes the function that reads the variables of one operation."""

    def __init__(self) -> None:
        self._readers = ValueReaders()
        self._lines: list[str] = []
        self._constants = self._readers.constants

    def add(self, definition: VariableDefinitionNode, signature: GraphQLVariableSignature) -> None:
        """Add a variable, in the order of the operation. Raises Refused where the code would be too long."""
        value, key = self._readers.local(), repr(signature.name)
        lines = self._lines
        if len(lines) > MAX_LINES:
            raise Refused
        lines.append(f"  {value} = raw.get({key}, Undefined)")
        lines.append(f"  if {value} is Undefined:")
        self._absent(definition, signature, key)
        lines.append("  else:")
        sign = self._constants.constant(signature, "signature")
        lines.append(f"   sources[{key}] = new(Source, ({sign}, {value}))")
        if may_be_too_deep(signature.type):
            type_ = self._constants.constant(signature.type, "type")
            lines.append(f"   if too_deep({value}, {type_}): raise Unsure")
        found = self._readers.read(signature.type, value, lines, "   ")
        lines.append(f"   coerced[{key}] = {found}")

    def _absent(self, definition: VariableDefinitionNode, signature: GraphQLVariableSignature, key: str) -> None:
        if definition.default_value is None and isinstance(signature.type, GraphQLNonNull):
            self._lines.append("   raise Unsure")
            return
        source = self._constants.constant(VariableValueSource(signature), "absent")
        self._lines.append(f"   sources[{key}] = {source}")
        if definition.default_value is None:
            return
        literals = Literals(Scope(self._constants, "raise Unsure", variable_values="None"))
        try:
            found = literals.write(definition.default_value, signature.type)
        except Refused:
            self._lines.append("   raise Unsure")
            return
        self._lines += [f"   {line}" for line in literals.lines]
        self._lines.append(f"   coerced[{key}] = {found}")

    def function(self, slow: VariablesReader) -> VariablesReader:
        """The function as it is run."""
        source = [
            *self._readers.source,
            "def read(raw):",
            " sources = {}",
            " coerced = {}",
            " try:",
            *self._lines,
            "  return new(VariableValues, (sources, coerced))",
            " except Exception:",
            "  return slow(raw)",
        ]
        namespace: dict[str, Any] = self._constants.values
        namespace |= {
            "Source": VariableValueSource,
            "VariableValues": VariableValues,
            "new": tuple.__new__,
            "slow": slow,
            "too_deep": input_is_nested_too_deeply,
        }
        code = compile("\n".join(source), "<variables>", "exec")
        exec(code, namespace)  # ruff: ignore[exec-builtin] -- the source is written here, of names and numbers alone
        read: VariablesReader = namespace["read"]
        return read
