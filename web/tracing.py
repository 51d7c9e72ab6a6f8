"""Traces of requests and operations: put around them where a collector is told, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from starlette.routing import Route

from web.runtime import LABELS, Answer, Operation, Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from strawberry.types.graphql import OperationType

    from adapters.tracing import Span, Tracing
    from schema.context import Context
    from services.measuring import Transport

METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines, and of no interest."""


class TracedRequests:
    """Pure ASGI: each request over HTTP is a span, a part of its caller's trace. Its trace stands in its log lines.

    It is named by its route: an address may hold a token.
    """

    def __init__(self, inner: ASGIApp, tracing: Tracing, routes: Sequence[BaseRoute]) -> None:
        self._inner = inner
        self._tracing = tracing
        self._routes = [route for route in routes if isinstance(route, Route)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._inner(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        route = self._route_of(scope["path"])
        told = {"http__request__method": method, "http__route": route}
        with self._tracing.request(f"{method} {route}", scope["headers"], **told) as span:
            _bind(span)

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = int(message["status"])
                    span.set(http__response__status_code=status)
                    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                        span.fail(str(status))
                await send(message)

            await self._inner(scope, receive, sending)

    def _route_of(self, path: str) -> str:
        """The pattern of an address; that of all addresses that are nobody's is one."""
        return next((route.path for route in self._routes if route.path_regex.match(path)), "/…")


class TracedRuntime(Runtime):
    """Runs operations, each of them a span; of one that goes on, what happens until its first answer."""

    async def execute(
        self, operation: Operation, context: Context, *, allowed: frozenset[OperationType], transport: str
    ) -> Answer:
        with self._tracing.span("graphql.operation", network__protocol__name=transport) as span:
            answer = await super().execute(operation, context, allowed=allowed, transport=transport)
            tell(span, answer)
            return answer

    async def stream(
        self, operation: Operation, context: Context, *, transport: Transport
    ) -> AsyncGenerator[Answer, None]:
        answers = super().stream(operation, context, transport=transport)
        try:
            with self._tracing.span("graphql.operation", network__protocol__name=LABELS[transport]) as span:
                _bind(span)
                first = await anext(answers, None)
                if first is not None:
                    tell(span, first)
            if first is not None:
                yield first
                async for answer in answers:
                    yield answer
        finally:
            await answers.aclose()

    @property
    def _tracing(self) -> Tracing:
        assert self.app.ports.tracing is not None
        return self.app.ports.tracing


def _bind(span: Span) -> None:
    """Let the lines of the log name the trace that they belong to."""
    if trace_id := span.trace_id:
        structlog.contextvars.bind_contextvars(trace_id=trace_id)


def tell(span: Span, answer: Answer) -> None:
    """Tell how an operation was answered."""
    span.set(porchlight__executed=answer.executed)
    if answer.codes:
        span.set(porchlight__codes=sorted(set(answer.codes)))
    if faults := {"INTERNAL", "UNAVAILABLE"}.intersection(answer.codes):
        span.fail(min(faults))
