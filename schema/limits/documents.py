"""Judging a parsed document: once for what it is, and in each request for the variables that come with it."""

from typing import Any

from graphql import DocumentNode, FragmentDefinitionNode, GraphQLError, OperationDefinitionNode

from core.errors import TooComplex
from schema.limits.merging import Merging
from schema.limits.sizes import MAX_DEPTH, MAX_LIST, Sizes, hold

MAX_OPERATIONS = 10


class Judged:
    """A document that is within the limits wherever they do not depend on variables."""

    def __init__(self, document: DocumentNode) -> None:
        """Walk the document, each page that a variable asks for counted as one row. Raises GraphQLError."""
        self._document = document
        self._operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        sizes = Sizes(document, None)
        try:
            _hold_operations(self._operations)
            _hold_sizes(self._operations, sizes)
            _hold_merging(document)
        except TooComplex as error:
            raise _refusal(error) from None
        self._paged_by = sizes.paged_by
        self._passed = dict.fromkeys(self._paged_by, 1)
        """Pages with which the document has been within the limits: so it is with shorter ones."""

    def refusals(self, variables: dict[str, Any], operation_name: str | None) -> list[GraphQLError]:
        """Why the document may not run with these variables; nothing when it may."""
        if operation_name is None and len(self._operations) > 1:
            return [GraphQLError("Name the operation to run: the document has several.")]
        try:
            if self._paged_by:
                self._hold_pages(variables)
            if variables:
                _hold_variables(variables)
        except TooComplex as error:
            return [_refusal(error)]
        return []

    def _hold_pages(self, variables: dict[str, Any]) -> None:
        """Walk the document again only for longer pages than those that have passed. Raises TooComplex."""
        sizes = Sizes(self._document, variables)
        pages = {name: sizes.page_of(name) for name in self._paged_by}
        if all(length <= self._passed[name] for name, length in pages.items()):
            return
        _hold_sizes(self._operations, sizes)
        self._passed = pages


def judge(document: DocumentNode, variables: dict[str, Any], operation_name: str | None) -> list[GraphQLError]:
    """Why the document may not run; nothing when it may."""
    try:
        return Judged(document).refusals(variables, operation_name)
    except GraphQLError as error:
        return [error]


def _refusal(error: TooComplex) -> GraphQLError:
    return GraphQLError(error.message, extensions={"code": error.code})


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
        if len(members) > MAX_LIST:
            raise TooComplex(f"An object among the variables has more than {MAX_LIST:,} members.")
        waiting.extend((member, depth + 1) for member in members)
