"""How much validation has to compare: the rule that fields of one name can be merged looks at each pair of them."""

from collections.abc import Iterable

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)

from core.errors import TooComplex
from schema.limits.sizes import MAX_DEPTH

MAX_PAIRS = 5_000
"""Pairs of fields of one name. Validation compares each in 10 microseconds: 490 times `me { id }`, 3 kB of text, made
120,000 pairs and held the event loop for 1.3 s."""
MAX_GATHERED = 20_000
"""Fields looked at to count those pairs, fragments unfolded."""


class Merging:
    """Counts the pairs of fields of one name that validation has to compare, in each place where they meet."""

    def __init__(self, document: DocumentNode) -> None:
        self._pairs = 0
        self._gathered = 0
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def count(self, sets: Iterable[SelectionSetNode], *, depth: int = 1) -> None:
        """Count the pairs where these selections are merged, and below. Raises TooComplex."""
        if depth > MAX_DEPTH:  # Only a fragment that contains itself comes here: validation refuses it.
            return
        by_name: dict[str, list[SelectionSetNode | None]] = {}
        for selections in sets:
            self._gather(selections, by_name, frozenset())
        for same in by_name.values():
            self._pairs += len(same) * (len(same) - 1) // 2
            if self._pairs > MAX_PAIRS:
                raise TooComplex("The document repeats its fields too often.")
            self.count((inner for inner in same if inner is not None), depth=depth + 1)

    def _gather(
        self,
        selections: SelectionSetNode,
        by_name: dict[str, list[SelectionSetNode | None]],
        inside: frozenset[str],
    ) -> None:
        for node in selections.selections:
            self._gathered += 1
            if self._gathered > MAX_GATHERED:
                raise TooComplex("The document repeats its fragments too often.")
            if isinstance(node, FieldNode):
                by_name.setdefault((node.alias or node.name).value, []).append(node.selection_set)
            elif isinstance(node, InlineFragmentNode):
                self._gather(node.selection_set, by_name, inside)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in inside:
                fragment = self._fragments.get(node.name.value)
                if fragment is not None:
                    self._gather(fragment.selection_set, by_name, inside | {node.name.value})
