"""The limits, and what else Strawberry asks of extensions, hooked into each operation."""

from collections.abc import Iterator

from graphql import NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from schema.limits.documents import judge

MAX_TOKENS = 2_000


class DocumentLimits(SchemaExtension):
    """Refuses documents beyond the limits with QUERY_TOO_COMPLEX."""

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = MAX_TOKENS
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        assert context.graphql_document is not None
        named = context._provided_operation_name  # ruff: ignore[private-member-access] -- the public one guesses
        context.pre_execution_errors = judge(context.graphql_document, context.variables or {}, named)
        yield


class TellsWhatRuns(SchemaExtension):
    """Tells the transport that execution has begun, and whether it is a mutation's, which must not be cancelled."""

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
