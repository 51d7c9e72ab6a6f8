"""The limits, and what else Strawberry asks of extensions, hooked into each operation."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import lru_cache

from graphql import NoSchemaIntrospectionCustomRule, parse
from strawberry.extensions import SchemaExtension, ValidationCache
from strawberry.types.graphql import OperationType

from schema.limits.documents import judge

MAX_TOKENS = 2_000
KNOWN_DOCUMENTS = 128
"""Documents that are parsed and validated once. With 20,000 characters each at most, their number bounds the memory."""

_parse = lru_cache(KNOWN_DOCUMENTS)(parse)


class DocumentLimits(ValidationCache):
    """Refuses documents beyond the limits with QUERY_TOO_COMPLEX, and reads the others once."""

    def __init__(self) -> None:
        super().__init__(maxsize=KNOWN_DOCUMENTS)

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = MAX_TOKENS
        yield

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        with suppress(Exception):  # what cannot be parsed is parsed again, where its error is told
            context.graphql_document = _parse(context.query or "", **context.parse_options)
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        assert context.graphql_document is not None
        named = context._provided_operation_name  # ruff: ignore[private-member-access] -- the public one guesses
        context.pre_execution_errors = judge(context.graphql_document, context.variables or {}, named)
        if context.pre_execution_errors:
            yield
        else:
            yield from super().on_validate()


class TellsWhatRuns(SchemaExtension):
    """Tells the transport that execution has begun, and whether it is a mutation's, which must not be cancelled.

    A subscription opens when it is its turn; what comes of it later waits for none.
    """

    async def on_execute(self) -> AsyncIterator[None]:
        context = self.execution_context
        context.context.begun = True
        context.context.changing = context.operation_type is OperationType.MUTATION
        if context.context.changing:
            await context.context.begin_change()
        if context.operation_type is OperationType.SUBSCRIPTION:
            async with context.context.turn():
                yield  # ruff: ignore[yield-in-context-manager-in-async-generator] -- Strawberry makes a context manager of it
        else:
            yield
            if context.context.changing:
                context.context.end_change()


class NoIntrospection(SchemaExtension):
    """Refuses to describe the schema."""

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        context.validation_rules = (*context.validation_rules, NoSchemaIntrospectionCustomRule)
        yield
