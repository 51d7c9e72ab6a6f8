"""Running one GraphQL operation: what HTTP, WebSocket and REST share."""

import re
import secrets
import time
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field
from typing import Any

import structlog
from graphql import GraphQLError
from strawberry import Schema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from core.errors import Unauthenticated
from engine.trusted import TrustedDocuments
from schema.context import Context
from schema.errors import describe, failure, is_request_error
from services import access
from services.access import Viewer
from services.app import App
from services.measuring import Transport, outcome_of

log = structlog.get_logger(__name__)

LABELS = {Transport.WEBSOCKET: "websocket", Transport.STREAM: "sse"}
"""What the metrics call the ways in over which an operation may have many answers."""

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Operation:
    """What a client asks to run."""

    query: str
    variables: dict[str, Any] | None = None
    name: str | None = None


@dataclass(frozen=True)
class Answer:
    """A result as it goes on the wire. `executed` is false for what parsing, validation or coercion refused."""

    content: dict[str, Any]
    executed: bool = True
    codes: list[str] = field(default_factory=list)


class WrongMethodError(Exception):
    """The operation is of a kind that this way of asking does not allow."""

    def __init__(self, kind: OperationType) -> None:
        self.kind = kind
        super().__init__(kind.value)


@dataclass(frozen=True)
class Runtime:
    """The schema with the app that it serves."""

    app: App
    schema: Schema
    trusted: TrustedDocuments | None = None
    """The only documents that clients may run, where there is a manifest."""

    async def viewer(self, authorization: str | None) -> Viewer | None:
        """The viewer that a header stands for; None without one. Raises Unauthenticated."""
        if authorization is None:
            return None
        match = _BEARER.fullmatch(authorization.strip())
        if not match:
            raise Unauthenticated("The Authorization header is not `Bearer <accessToken>`.")
        return await access.authenticate(self.app, match[1])

    async def execute(
        self, operation: Operation, context: Context, *, allowed: frozenset[OperationType], transport: str
    ) -> Answer:
        """The one answer of a query or a mutation. Raises WrongMethodError."""
        started = time.perf_counter()
        _name_operation()
        try:
            result = await self.schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                allowed_operation_types=allowed,
            )
        except InvalidOperationTypeError as error:
            raise WrongMethodError(error.operation_type) from error
        except CannotGetOperationTypeError as error:
            answer = _refused(error.as_http_error_reason(), "GRAPHQL_VALIDATION_FAILED")
        else:
            answer = self._answer(result, context)
        self._count(answer, operation, transport, time.perf_counter() - started)
        return answer

    async def stream(
        self, operation: Operation, context: Context, *, transport: Transport
    ) -> AsyncGenerator[Answer, None]:
        """Each answer of an operation of any kind. Rows are read anew for each event. Only the first one is logged."""
        first = True
        _name_operation()
        self.app.metrics.streams.inc()
        try:
            async for answer in self._answers(operation, context):
                if first or answer.codes:
                    self._count(answer, operation, LABELS[transport])
                    self.measure(transport, answer.codes, executed=answer.executed)
                first = False
                yield answer
                context.renew()
        finally:
            self.app.metrics.streams.dec()

    async def _answers(self, operation: Operation, context: Context) -> AsyncGenerator[Answer, None]:
        try:
            results = await self.schema.stream(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
            )
            async for result in results:
                yield self._answer(result, context)
        except GraphQLError as error:  # it cannot be parsed
            yield self._answer(PreExecutionError(data=None, errors=[error]), context)
        except Exception as error:  # ruff: ignore[blind-except] -- a fault ends one operation, not the socket
            message, extensions = failure(error)
            content = {"errors": [{"message": message, "extensions": extensions}]}
            yield Answer(content, executed=False, codes=[extensions["code"]])

    def _answer(self, result: Any, context: Context) -> Answer:
        assert isinstance(result, ExecutionResult) or is_request_error(result)
        early = is_request_error(result)
        content: dict[str, Any] = {} if early else {"data": result.data}
        executed = not early
        codes: list[str] = []
        if result.errors:
            suggestions = self.app.settings.introspection
            errors = describe(result.errors, before_execution=not context.begun, suggestions=suggestions)
            codes = [error["extensions"]["code"] for error in errors]
            content["errors"] = errors
            if result.data is None and all("path" not in error or error["path"] is None for error in errors):
                executed = False
                content.pop("data", None)
        return Answer(content, executed, codes)

    def measure(self, transport: Transport, codes: Collection[str] = (), *, executed: bool = False) -> None:
        """Count an answer of a stream. Those of requests with one answer are counted where their status is known."""
        failed = not executed and "INTERNAL" in codes
        self.app.measuring.count(transport, outcome_of(codes, failed=failed))

    def _count(self, answer: Answer, operation: Operation, transport: str, seconds: float | None = None) -> None:
        metrics = self.app.metrics
        outcome = "ok" if not answer.codes else "error" if answer.executed else "refused"
        metrics.ended(transport, outcome, seconds)
        for code in answer.codes:
            metrics.errors.labels(code).inc()
        log.info(
            "graphql.operation",
            operation=(operation.name or "")[:100],
            transport=transport,
            outcome=outcome,
            codes=answer.codes,
            ms=round(seconds * 1000, 1) if seconds is not None else None,
        )


def _name_operation() -> None:
    """Give this operation's log lines an id of their own: a socket has many operations for one request id."""
    structlog.contextvars.bind_contextvars(operation_id=secrets.token_hex(4))


def _refused(message: str, code: str) -> Answer:
    return Answer({"errors": [{"message": message, "extensions": {"code": code}}]}, executed=False, codes=[code])
