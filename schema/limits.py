"""What one document may ask for, judged before validation, on every transport.

Depth, aliases, directives and cost are counted through fragments, so that a short document cannot stand for a long
one. The cost is the number of fields that would be resolved: a connection multiplies by the page it asks for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from graphql.language import ListValueNode, ObjectValueNode
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

MAX_TOKENS = 2_000
MAX_DEPTH = 16
"""Levels of fields; the introspection query of GraphiQL has 15."""
MAX_ALIASES = 30
MAX_DIRECTIVES = 50
MAX_OPERATIONS = 10
MAX_COST = 5_000
"""Fields resolved; a page of 100 with 20 fields costs 2,100."""
MAX_LIST = 1_000
"""Elements of a list that stands in the document or among the variables."""
DEFAULT_PAGE = 20


class DocumentLimits(SchemaExtension):
    """Refuses documents beyond the limits with QUERY_TOO_COMPLEX."""

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = MAX_TOKENS
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document = context.graphql_document
        if document is not None and not context.pre_execution_errors:
            named = context._provided_operation_name  # ruff: ignore[private-member-access] -- the public one guesses
            context.pre_execution_errors = _judge(document, context.variables or {}, named)
        yield


class ChangesRunToTheirEnd(SchemaExtension):
    """Tells the transport that a mutation has begun, which it must not cancel."""

    def on_execute(self) -> Iterator[None]:
        context = self.execution_context
        context.context.changing = context.operation_type is OperationType.MUTATION
        yield


class NoIntrospection(SchemaExtension):
    """Refuses to describe the schema."""

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        context.validation_rules = (*context.validation_rules, NoSchemaIntrospectionCustomRule)
        yield


@dataclass(frozen=True)
class _Size:
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0


class _TooComplexError(Exception):
    pass


class _Walk:
    """Measures selections, each fragment once."""

    def __init__(self, document: DocumentNode, variables: dict[str, Any]) -> None:
        self._variables = variables
        self._measured: dict[str, _Size] = {}
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def operation(self, node: OperationDefinitionNode) -> _Size:
        size = self._selections(node.selection_set, depth=1)
        return _Size(size.depth, size.aliases, size.directives + len(node.directives or ()), size.cost)

    def fragments(self) -> None:
        """Measure every fragment, the unused ones too: validation would walk them."""
        for name in self._fragments:
            self._fragment(name, depth=1)

    def _selections(self, selections: SelectionSetNode, *, depth: int) -> _Size:
        if depth > MAX_DEPTH:
            raise _TooComplexError(f"The document is more than {MAX_DEPTH} levels deep.")
        sizes = [self._selection(node, depth) for node in selections.selections]
        total = _Size(
            depth=1 + max((size.depth for size in sizes), default=0),
            aliases=sum(size.aliases for size in sizes),
            directives=sum(size.directives for size in sizes),
            cost=sum(size.cost for size in sizes),
        )
        _hold(total)
        return total

    def _selection(self, node: Any, depth: int) -> _Size:
        directives = len(node.directives or ())
        if isinstance(node, FragmentSpreadNode):
            inner = self._fragment(node.name.value, depth)
            return _Size(inner.depth - 1, inner.aliases, inner.directives + directives, inner.cost)
        if not isinstance(node, FieldNode):
            inner = self._selections(node.selection_set, depth=depth)
            return _Size(inner.depth - 1, inner.aliases, inner.directives + directives, inner.cost)
        for argument in node.arguments or ():
            _hold_value(argument.value, depth=1)
        aliases = 1 if node.alias else 0
        if node.selection_set is None:
            return _Size(0, aliases, directives, 1)
        inner = self._selections(node.selection_set, depth=depth + 1)
        cost = 1 + inner.cost * self._page(node)
        return _Size(inner.depth, aliases + inner.aliases, directives + inner.directives, cost)

    def _fragment(self, name: str, depth: int) -> _Size:
        """A fragment's size. One that is unknown or contains itself counts nothing: validation refuses it."""
        if name not in self._measured:
            self._measured[name] = _Size(depth=1)
            node = self._fragments.get(name)
            if node is not None:
                self._measured[name] = self._selections(node.selection_set, depth=1)
        if depth + self._measured[name].depth - 1 > MAX_DEPTH:
            raise _TooComplexError(f"The document is more than {MAX_DEPTH} levels deep.")
        return self._measured[name]

    def _page(self, node: FieldNode) -> int:
        """How many times the fields below `node` may be resolved."""
        for argument in node.arguments or ():
            if argument.name.value in {"first", "last"}:
                return max(1, self._whole_number(argument.value))
        assert node.selection_set is not None
        names = {child.name.value for child in node.selection_set.selections if isinstance(child, FieldNode)}
        return DEFAULT_PAGE if names & {"edges", "nodes"} else 1

    def _whole_number(self, value: ValueNode) -> int:
        if isinstance(value, IntValueNode):
            return int(value.value[:10])
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            return given if isinstance(given, int) else DEFAULT_PAGE
        return DEFAULT_PAGE


def _judge(document: DocumentNode, variables: dict[str, Any], operation_name: str | None) -> list[GraphQLError] | None:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) > 1 and operation_name is None:
        return [GraphQLError("Name the operation to run: the document has several.")]
    walk = _Walk(document, variables)
    try:
        _hold_operations(operations)
        walk.fragments()
        for operation in operations:
            _hold(walk.operation(operation))
        _hold_variables(variables)
    except _TooComplexError as error:
        return [GraphQLError(str(error), extensions={"code": "QUERY_TOO_COMPLEX"})]
    return None


def _hold_operations(operations: list[OperationDefinitionNode]) -> None:
    if len(operations) > MAX_OPERATIONS:
        raise _TooComplexError(f"The document has more than {MAX_OPERATIONS} operations.")


def _hold(size: _Size) -> None:
    if size.aliases > MAX_ALIASES:
        raise _TooComplexError(f"The document has more than {MAX_ALIASES} aliases.")
    if size.directives > MAX_DIRECTIVES:
        raise _TooComplexError(f"The document has more than {MAX_DIRECTIVES} directives.")
    if size.cost > MAX_COST:
        raise _TooComplexError(f"The document asks for more than {MAX_COST:,} fields.")


def _hold_value(value: ValueNode, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _TooComplexError(f"An argument is more than {MAX_DEPTH} levels deep.")
    if isinstance(value, ListValueNode):
        for element in value.values:
            _hold_value(element, depth=depth + 1)
    elif isinstance(value, ObjectValueNode):
        for member in value.fields:
            _hold_value(member.value, depth=depth + 1)


def _hold_variables(variables: dict[str, Any]) -> None:
    """Refuse variables that nest too deeply or list too much, without recursion."""
    waiting: list[tuple[Any, int]] = [(variables, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _TooComplexError(f"The variables are more than {MAX_DEPTH} levels deep.")
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if isinstance(value, list) and len(value) > MAX_LIST:
            raise _TooComplexError(f"A list among the variables has more than {MAX_LIST:,} elements.")
        waiting.extend((member, depth + 1) for member in members)
