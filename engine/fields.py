"""A field of a selection as the generated code knows it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLOutputType
from graphql.execution.collect_fields import FieldDetailsList

Complete = Callable[[Any, Any, Any], Any]
"""Generated: completes a value of a class that is known, given the run and the path."""


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """One response key of a selection set, and all that graphql-core would look up to execute it."""

    key: str
    parent: GraphQLObjectType
    definition: GraphQLField
    details: FieldDetailsList
    fast: dict[type, Complete] = field(default_factory=dict)
    """What completes a value, by its exact class. Every other value is completed by graphql-core's own code."""
    cast: bool = False
    """Whether a value that was cast by `strawberry.cast` must not take the fast way."""

    @property
    def name(self) -> str:
        return self.details[0].node.name.value

    @property
    def type(self) -> GraphQLOutputType:
        return self.definition.type

    @property
    def nodes(self) -> list[FieldNode]:
        return [detail.node for detail in self.details]

    @property
    def coordinates(self) -> str:
        return f"{self.parent.name}.{self.name}"
