"""A collector of traces: takes what OTLP over HTTP sends, and reads its protocol buffers by their own definition."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Told:
    """A span as it came."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    attributes: dict[str, Any]
    links: list[tuple[str, str]]
    failed: str | None


@dataclass
class Collector:
    """What it has been told."""

    url: str = ""
    spans: list[Told] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: bytes = b""

    def named(self, name: str) -> list[Told]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    def only(self, name: str) -> Told:
        """The one span of a name."""
        [span] = self.named(name)
        return span

    async def receive(self, request: Request) -> Response:
        """Take a batch."""
        body = await request.body()
        assert request.headers["content-type"] == PROTOBUF
        self.raw += body
        self.headers.append(dict(request.headers))
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(read(group.resource.attributes))
            self.spans += [told(span) for scope in group.scope_spans for span in scope.spans]
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type=PROTOBUF)


def read(attributes: Any) -> dict[str, Any]:
    """Attributes by their names."""
    found: dict[str, Any] = {}
    for each in attributes:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, kind)
        found[each.key] = [item.string_value for item in value.values] if kind == "array_value" else value
    return found


def told(span: Any) -> Told:
    """A span, read."""
    return Told(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=span.kind,
        attributes=read(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        failed=span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else None,
    )


@asynccontextmanager
async def collecting() -> AsyncGenerator[Collector]:
    """A collector that listens."""
    import asyncio
    import socket

    collector = Collector()
    listener = socket.create_server(("127.0.0.1", 0))
    collector.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    site = Starlette(routes=[Route("/v1/traces", collector.receive, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(site, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server._serve([listener]))
    try:
        yield collector
    finally:
        server.should_exit = True
        await serving
        listener.close()
