"""How large the selections of a document are, counted through fragments."""

from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from graphql.language import ListValueNode, ObjectValueNode

from core.errors import TooComplex
from services.pages import LARGEST

MAX_DEPTH = 16
"""Levels of fields; the introspection query of GraphiQL has 15."""
MAX_NESTING = 60
"""Selections within selections, fragments counted like fields: what recurses stays far from Python's limit."""
MAX_ALIASES = 30
MAX_DIRECTIVES = 50
MAX_COST = 5_000
"""Fields resolved; a page of 100 with 20 fields costs 2,100."""
MAX_LIST = 1_000
"""Elements of a list that stands in the document or among the variables."""
MAX_MEMBERS = 100
"""Members of an object that stands in the document."""
MAX_DIGITS = 1_000
"""Characters of a number that stands in the document: Python refuses to read 4,301 digits."""
DEFAULT_PAGE = 20


@dataclass(frozen=True)
class Size:
    """What selections come to."""

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0


class TooDeep(TooComplex):
    """Selections within selections, or within fragments, without end."""

    message = f"The document is more than {MAX_DEPTH} levels deep."


class Sizes:
    """Measures selections, each fragment once. Without variables, a page that one asks for has one row."""

    def __init__(self, document: DocumentNode, variables: dict[str, Any] | None) -> None:
        self.paged_by: set[str] = set()
        """The variables that say how long a page is, of what was measured."""
        self._variables = None if variables is None else {**_defaults(document), **variables}
        self._measured: dict[str, Size] = {}
        self._nesting = 0
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def operation(self, node: OperationDefinitionNode) -> Size:
        """The size of an operation. Raises TooComplex."""
        size = self._selections(node.selection_set, depth=1)
        directives = _directives_of(node, *node.variable_definitions or ())
        for variable in node.variable_definitions or ():
            if variable.default_value is not None:
                _hold_value(variable.default_value, depth=1)
        return Size(size.depth, size.aliases, size.directives + directives, size.cost)

    def fragments(self) -> None:
        """Measure every fragment, the unused ones too: validation would walk them. Raises TooComplex."""
        for name in self._fragments:
            self._fragment(name, depth=1)

    def page_of(self, variable: str) -> int:
        """How many rows a variable asks for. What is no number counts as the largest page, whoever may take it."""
        given = self._variables.get(variable) if self._variables is not None else 1
        if isinstance(given, float) and given.is_integer():
            given = int(given)  # as the coercion of Int does with the 100.0 of JSON
        if isinstance(given, int):
            return max(1, given)
        return DEFAULT_PAGE if given is None else LARGEST

    def _selections(self, selections: SelectionSetNode, *, depth: int) -> Size:
        self._nesting += 1
        if depth > MAX_DEPTH or self._nesting > MAX_NESTING:
            raise TooDeep
        sizes = [self._selection(node, depth) for node in selections.selections]
        self._nesting -= 1
        total = Size(
            depth=1 + max((size.depth for size in sizes), default=0),
            aliases=sum(size.aliases for size in sizes),
            directives=sum(size.directives for size in sizes),
            cost=sum(size.cost for size in sizes),
        )
        hold(total)
        return total

    def _selection(self, node: Any, depth: int) -> Size:
        directives = _directives_of(node)
        if isinstance(node, FragmentSpreadNode):
            inner = self._fragment(node.name.value, depth)
            return Size(inner.depth - 1, inner.aliases, inner.directives + directives, inner.cost)
        if not isinstance(node, FieldNode):
            inner = self._selections(node.selection_set, depth=depth)
            return Size(inner.depth - 1, inner.aliases, inner.directives + directives, inner.cost)
        for argument in node.arguments or ():
            _hold_value(argument.value, depth=1)
        aliases = 1 if node.alias else 0
        if node.selection_set is None:
            return Size(0, aliases, directives, 1)
        inner = self._selections(node.selection_set, depth=depth + 1)
        cost = 1 + inner.cost * self._page(node)
        return Size(inner.depth, aliases + inner.aliases, directives + inner.directives, cost)

    def _fragment(self, name: str, depth: int) -> Size:
        """A fragment's size. One that is unknown or contains itself counts nothing: validation refuses it."""
        if name not in self._measured:
            self._measured[name] = Size(depth=1)
            node = self._fragments.get(name)
            if node is not None:
                size = self._selections(node.selection_set, depth=1)
                self._measured[name] = replace(size, directives=size.directives + _directives_of(node))
        if depth + self._measured[name].depth - 1 > MAX_DEPTH:
            raise TooDeep
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
            self.paged_by.add(value.name.value)
            return self.page_of(value.name.value)
        return DEFAULT_PAGE


def hold(size: Size) -> None:
    """Raise TooComplex for what is too large."""
    if size.aliases > MAX_ALIASES:
        raise TooComplex(f"The document has more than {MAX_ALIASES} aliases.")
    if size.directives > MAX_DIRECTIVES:
        raise TooComplex(f"The document has more than {MAX_DIRECTIVES} directives.")
    if size.cost > MAX_COST:
        raise TooComplex(f"The document asks for more than {MAX_COST:,} fields.")


def _directives_of(*nodes: Any) -> int:
    """How many directives stand at these nodes. Raises TooComplex for an argument of one that is too deep."""
    count = 0
    for node in nodes:
        for directive in node.directives or ():
            count += 1
            for argument in directive.arguments or ():
                _hold_value(argument.value, depth=1)
    return count


def _defaults(document: DocumentNode) -> dict[str, int]:
    """The largest whole number that each variable has as its default, in any operation."""
    largest: dict[str, int] = {}
    for node in document.definitions:
        for variable in getattr(node, "variable_definitions", None) or ():
            if isinstance(variable.default_value, IntValueNode):
                name, number = variable.variable.name.value, int(variable.default_value.value[:10])
                largest[name] = max(number, largest.get(name, number))
    return largest


def _hold_value(value: ValueNode, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TooComplex(f"An argument is more than {MAX_DEPTH} levels deep.")
    if isinstance(value, ListValueNode):
        if len(value.values) > MAX_LIST:
            raise TooComplex(f"A list in the document has more than {MAX_LIST:,} elements.")
        for element in value.values:
            _hold_value(element, depth=depth + 1)
    elif isinstance(value, (IntValueNode, FloatValueNode)) and len(value.value) > MAX_DIGITS:
        raise TooComplex(f"A number in the document has more than {MAX_DIGITS:,} digits.")
    elif isinstance(value, ObjectValueNode):
        if len(value.fields) > MAX_MEMBERS:
            raise TooComplex(f"An object in the document has more than {MAX_MEMBERS} members.")
        for member in value.fields:
            _hold_value(member.value, depth=depth + 1)
