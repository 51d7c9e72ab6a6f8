"""Judging a parsed document with its variables."""

from typing import Any

from graphql import DocumentNode, FragmentDefinitionNode, GraphQLError, OperationDefinitionNode

from core.errors import TooComplex
from schema.limits.merging import Merging
from schema.limits.sizes import MAX_DEPTH, MAX_LIST, Sizes, hold

MAX_OPERATIONS = 10


def judge(document: DocumentNode, variables: dict[str, Any], operation_name: str | None) -> list[GraphQLError] | None:
    """Why the document may not run; None when it may."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    try:
        _hold_operations(operations)
        if len(operations) > 1 and operation_name is None:
            return [GraphQLError("Name the operation to run: the document has several.")]
        _hold_sizes(operations, Sizes(document, variables))
        _hold_merging(document)
        _hold_variables(variables)
    except TooComplex as error:
        return [GraphQLError(error.message, extensions={"code": error.code})]
    return None


def _hold_operations(operations: list[OperationDefinitionNode]) -> None:
    if len(operations) > MAX_OPERATIONS:
        raise TooComplex(f"The document has more than {MAX_OPERATIONS} operations.")


def _hold_sizes(operations: list[OperationDefinitionNode], sizes: Sizes) -> None:
    sizes.fragments()
    for operation in operations:
        hold(sizes.operation(operation))


def _hold_merging(document: DocumentNode) -> None:
    """Refuse what validation would be busy with. Fragments are looked at by themselves too, as validation does."""
    merging = Merging(document)
    for node in document.definitions:
        if isinstance(node, (OperationDefinitionNode, FragmentDefinitionNode)):
            merging.count([node.selection_set])


def _hold_variables(variables: dict[str, Any]) -> None:
    """Refuse variables that nest too deeply or list too much, without recursion."""
    waiting: list[tuple[Any, int]] = [(variables, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise TooComplex(f"The variables are more than {MAX_DEPTH} levels deep.")
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if isinstance(value, list) and len(value) > MAX_LIST:
            raise TooComplex(f"A list among the variables has more than {MAX_LIST:,} elements.")
        waiting.extend((member, depth + 1) for member in members)
