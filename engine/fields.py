"""What the generated code is given of a document: its fields and its selections."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLOutputType, get_nullable_type
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet

Complete = Callable[[Any, Any, Any], Any]
"""Generated: completes a value whose class is known, given the run and the value's path."""


@dataclass(slots=True, eq=False)
class Selected:
    """One response key of a selection, and all that graphql-core would look up to execute it."""

    key: str
    parent: GraphQLObjectType
    definition: GraphQLField
    details: FieldDetailsList
    fast: dict[type, Complete] = field(default_factory=dict)
    """What completes a value, by its very class. graphql-core's own code completes every other value."""
    castable: bool = False
    """Whether a value that `strawberry.cast` has marked is an other value."""
    name: str = field(init=False)
    type: GraphQLOutputType = field(init=False)
    item_type: Any = field(init=False)
    """The type of the items of a list; None for other types."""
    nodes: list[FieldNode] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = [detail.node for detail in self.details]
        self.name = self.nodes[0].name.value
        self.type = self.definition.type
        self.item_type = getattr(get_nullable_type(self.type), "of_type", None)

    @property
    def coordinates(self) -> str:
        """The field as the specification writes it, with its type."""
        return f"{self.parent.name}.{self.name}: {self.type}"


@dataclass(slots=True, eq=False)
class Selection:
    """What is selected of the objects of a type."""

    parent: GraphQLObjectType
    details: FieldDetailsList
    """The fields whose objects these are, held so that their identity stays their own; empty for the root."""
    grouped: GroupedFieldSet
    sources: frozenset[type]
    """The classes whose objects the generated function can read; empty for all."""
    function: str
    complete: Complete | None = None

    def reads(self, source: Any) -> bool:
        """Whether the generated function can read an object."""
        return not self.sources or type(source) in self.sources
