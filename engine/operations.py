"""An operation of a document, ready to be compiled, and the reasons why it cannot be."""

from dataclasses import dataclass, field
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import FragmentDetails

from engine.errors import Unsupported
from engine.inputs import VariablesReader, variables_reader

MAX_CONDITIONS = 6
BYTES_AN_OPERATION, BYTES_A_VARIABLE = 10_000, 1_000
"""What an operation takes with its first plan but the code, and what reads its variables: measured with Python 3.11."""
REFUSED = {
    "defer": "incremental",
    "stream": "incremental",
    "experimental_disableErrorPropagation": "propagation",
}


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation and the fragments of its document, which it does not hold."""

    schema: GraphQLSchema
    node: OperationDefinitionNode
    root_type: GraphQLObjectType
    fragments: dict[str, FragmentDetails]
    conditions: tuple[str, ...]
    """Variables that `@skip` and `@include` read."""
    read: VariablesReader
    """Reads the values of variables."""

    @property
    def size(self) -> int:
        """Bytes that it is estimated to take."""
        return BYTES_AN_OPERATION + BYTES_A_VARIABLE * len(self.node.variable_definitions or ())

    def variant(self, coerced: dict[str, Any]) -> tuple[bool, ...]:
        """What these variables say. Raises Unsupported for one that is no Boolean."""
        if not self.conditions:
            return ()
        values = tuple(coerced.get(name) for name in self.conditions)
        if not all(isinstance(value, bool) for value in values):
            raise Unsupported("conditions")
        return tuple(map(bool, values))


def operation_of(schema: GraphQLSchema, document: DocumentNode, operation_name: str | None) -> Operation:
    """The operation to execute. Raises Unsupported where graphql-core has to, or has to tell what is wrong."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if operation_name is not None:
        operations = [node for node in operations if node.name and node.name.value == operation_name]
    if len(operations) != 1:
        raise Unsupported("operation")
    (node,) = operations
    root_type = schema.get_root_type(node.operation)
    if root_type is None:
        raise Unsupported("operation")
    fragments = {
        definition.name.value: FragmentDetails(definition)
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    found = _Conditions()
    visit(document, found)
    if len(found.names) > MAX_CONDITIONS:
        raise Unsupported("conditions")
    return Operation(schema, node, root_type, fragments, tuple(sorted(found.names)), variables_reader(schema, node))


@dataclass(eq=False)
class _Conditions(Visitor):
    """Finds the variables of conditions in a document. Raises Unsupported."""

    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        name = node.name.value
        if name in REFUSED:
            raise Unsupported(REFUSED[name])
        if name in {"skip", "include"}:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.names.add(argument.value.name.value)
                elif not isinstance(argument.value, BooleanValueNode):
                    raise Unsupported("conditions")

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        if node.arguments:
            raise Unsupported("fragments")

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        if node.variable_definitions:
            raise Unsupported("fragments")
