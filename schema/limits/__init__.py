"""What one document may ask for, judged before validation, on every transport.

Depth, aliases, directives and cost are counted through fragments, so that a short document cannot stand for a long
one. The cost is the number of fields that would be resolved: a connection multiplies by the page it asks for.
"""

from collections.abc import Iterator

from graphql import NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from schema.limits.documents import judge
from schema.limits.sizes import MAX_ALIASES, MAX_COST, MAX_DEPTH, MAX_DIRECTIVES, MAX_LIST

__all__ = [
    "MAX_ALIASES",
    "MAX_COST",
    "MAX_DEPTH",
    "MAX_DIRECTIVES",
    "MAX_LIST",
    "MAX_TOKENS",
    "DocumentLimits",
    "NoIntrospection",
    "TellsWhatRuns",
]

MAX_TOKENS = 2_000


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
            context.pre_execution_errors = judge(document, context.variables or {}, named)
        yield


class TellsWhatRuns(SchemaExtension):
    """Tells the transport that execution has begun, and whether it is that of a mutation, which must not be cancelled."""

    def on_execute(self) -> Iterator[None]:
        context = self.execution_context
        context.context.begun = True
        context.context.changing = context.operation_type is OperationType.MUTATION
        yield


class NoIntrospection(SchemaExtension):
    """Refuses to describe the schema."""

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        context.validation_rules = (*context.validation_rules, NoSchemaIntrospectionCustomRule)
        yield
