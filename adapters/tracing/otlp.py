"""Traces told by OTLP over HTTP, through OpenTelemetry's own SDK. Nothing is registered globally."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.re import parse_env_headers

from core.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from opentelemetry.context import Context

    from adapters.tracing.port import Value

LAST_SECONDS = 3.0
"""Real seconds that an orderly stop gives the collector."""
CARRIED = {b"traceparent", b"tracestate"}


class OtlpSpan:
    """A span of the SDK's."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, **attributes: Value) -> None:
        for name, value in dotted(attributes).items():
            self._span.set_attribute(name, value)

    def fail(self, reason: str) -> None:
        self._span.set_attribute("error.type", reason)
        self._span.set_status(Status(StatusCode.ERROR, reason))

    @property
    def trace_id(self) -> str | None:
        told = self._span.get_span_context()
        return trace.format_trace_id(told.trace_id) if told.trace_flags.sampled else None


class OtlpTracing:
    """Tells one collector, from a thread of its own and in batches. What it cannot take is dropped, not waited for.

    `headers` are those of OTEL_EXPORTER_OTLP_HEADERS: `name=value,name=value`.
    """

    def __init__(self, endpoint: str, *, headers: str, service: str, sampler: str, ratio: float) -> None:
        named = {"service.name": service, "service.version": VERSION}
        instance = {"service.instance.id": f"{socket.gethostname()}-{os.getpid()}"}
        self._provider = TracerProvider(
            sampler=_sampler(sampler, ratio),
            resource=Resource.create({**named, **instance}),
            shutdown_on_exit=False,
        )
        self._exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", headers=parse_env_headers(headers, liberal=True))
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("porchlight", VERSION)
        self._w3c = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, *, outward: bool = False, **attributes: Value) -> Generator[OtlpSpan]:
        with self._begun(name, SpanKind.CLIENT if outward else SpanKind.INTERNAL, attributes) as span:
            yield span

    @contextmanager
    def request(self, name: str, headers: Iterable[tuple[bytes, bytes]], **attributes: Value) -> Generator[OtlpSpan]:
        carried = {key.decode("latin-1"): value.decode("latin-1") for key, value in headers if key in CARRIED}
        parent = self._w3c.extract(carried, contexts.Context())
        with self._begun(name, SpanKind.SERVER, attributes, parent) as span:
            yield span

    @contextmanager
    def job(self, name: str, cause: str | None, **attributes: Value) -> Generator[OtlpSpan]:
        told = self._w3c.extract({"traceparent": str(cause)} if cause else {}, contexts.Context())
        caused_by = trace.get_current_span(told).get_span_context()
        links = [Link(caused_by)] if caused_by.is_valid else []
        with self._begun(name, SpanKind.CONSUMER, attributes, contexts.Context(), links) as span:
            yield span

    def here(self) -> str | None:
        if not trace.get_current_span().get_span_context().trace_flags.sampled:
            return None
        carrier: dict[str, str] = {}
        self._w3c.inject(carrier)
        return carrier.get("traceparent")

    async def close(self) -> None:
        loop, told = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(told.set)

        # The SDK's own bounds are not kept. A thread of the loop's would be waited for when the loop ends.
        Thread(target=tell, name="last-traces", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await told.wait()
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # who would try for longer gives up

    @contextmanager
    def _begun(
        self,
        name: str,
        kind: SpanKind,
        attributes: dict[str, Value],
        parent: Context | None = None,
        links: Sequence[Link] = (),
    ) -> Generator[OtlpSpan]:
        """A span that is the current one meanwhile. What it is left by is told by its type: messages name people."""
        span = self._tracer.start_span(name, parent, kind, dotted(attributes), links)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            told = OtlpSpan(span)
            try:
                yield told
            except BaseException as error:
                told.fail(type(error).__name__)
                raise


def dotted(attributes: dict[str, Value]) -> dict[str, Value]:
    """Attributes by the names that OpenTelemetry gives them."""
    return {name.replace("__", "."): value for name, value in attributes.items()}


def _sampler(name: str, ratio: float) -> Sampler:
    roots = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF, "traceidratio": TraceIdRatioBased(ratio)}
    root = roots[name.removeprefix("parentbased_")]
    return ParentBased(root) if name.startswith("parentbased_") else root
