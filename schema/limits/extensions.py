"""The limits, and what else Strawberry asks of extensions, hooked into each operation."""

from collections.abc import AsyncIterator, Iterator

from graphql import NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from engine.documents import Documents
from schema.limits.documents import Judged

MAX_TOKENS = 2_000


def judged_documents() -> Documents[Judged]:
    """The documents of one schema, judged when they are read for the first time."""
    return Documents(Judged, max_tokens=MAX_TOKENS)


class DocumentLimits(SchemaExtension):
    """Refuses documents beyond the limits with QUERY_TOO_COMPLEX, and reads and validates the others once."""

    def __init__(self, documents: Documents[Judged]) -> None:
        self._documents = documents

    def on_parse(self) -> Iterator[None]:
        """Leave a document, and what is wrong with it. Raises GraphQLSyntaxError."""
        context = self.execution_context
        schema = context.schema._schema  # ruff: ignore[private-member-access] -- as Strawberry's own extensions
        known = self._documents.read(context.query or "", schema, context.validation_rules)
        named = context._provided_operation_name  # ruff: ignore[private-member-access] -- the public one guesses
        context.graphql_document = known.document
        refusals = known.found.refusals(context.variables or {}, named) if known.found else []
        context.pre_execution_errors = refusals or [*known.errors]
        yield


class TellsWhatRuns(SchemaExtension):
    """Tells the transport that execution has begun, and whether it is a mutation's, which must not be cancelled.

    A subscription opens when it is its turn; what comes of it later waits for none.
    """

    async def on_execute(self) -> AsyncIterator[None]:
        context, kind = self.execution_context.context, self.execution_context.operation_type
        context.begun = True
        context.changing = kind is OperationType.MUTATION
        if context.changing:
            await context.begin_change()
        if kind is OperationType.SUBSCRIPTION:
            async with context.turn():
                await context.look_again()
                yield  # ruff: ignore[yield-in-context-manager-in-async-generator] -- Strawberry makes a context manager of it
        else:
            try:
                yield
            finally:
                if context.changing:
                    context.end_change()


class NoIntrospection(SchemaExtension):
    """Refuses to describe the schema."""

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        context.validation_rules = (*context.validation_rules, NoSchemaIntrospectionCustomRule)
        yield
