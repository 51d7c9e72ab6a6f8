import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import structlog

from adapters.tracing import open_tracing, otlp
from adapters.tracing.statements import told
from models.jobs import Job
from services import jobs
from tests.conftest import Start
from tests.porchlight import PASSWORD, REGISTER, Porchlight
from tests.services.collector import Collector, collecting
from tests.services.valkey import until
from web.runtime import Answer
from web.tracing import TracedRequests, tell

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ME = "query Secretly($x: Boolean = true) { me @include(if: $x) { email } }"
SERVER, CLIENT, CONSUMER = 2, 3, 5


@pytest.fixture
async def collector() -> AsyncGenerator[Collector]:
    """A collector that listens."""
    async with collecting() as collector:
        yield collector


@pytest.fixture
async def traced(collector: Collector, start: Start) -> Porchlight:
    """A server that tells the collector everything."""
    return await start(otlp_endpoint=collector.url, otlp_headers="x-key=of%20this%20test")


async def flushed(porchlight: Porchlight) -> None:
    """Have what is known told."""
    tracing: Any = porchlight.app.ports.tracing
    assert await asyncio.to_thread(tracing._provider.force_flush, 5_000)


async def test_request_is_told_from_its_caller_to_its_statements_and_jobs(
    traced: Porchlight, collector: Collector
) -> None:
    """The caller's trace goes on; a job is a trace of its own with a link; nothing of the person is anywhere."""
    given = {"input": {"email": "ada@example.com", "password": PASSWORD, "name": "Ada of Traces"}}
    parent = f"00-{TRACE}-{CALLER}-01"
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = await traced.post(REGISTER, given, traceparent=parent)
    assert answer.json()["data"]["register"]["__typename"] == "RegisterSuccess"
    with traced.app.database.bound():
        await until(lambda: Job.filter(kind="mail.send", done_at__isnull=False).exists(), 10)
        for sent in await Job.filter(kind="mail.send"):
            assert sent.payload[jobs.CAUSE].startswith(f"00-{TRACE}-")
    await until(lambda: flushed_named(traced, collector, "job mail.send"), 10)
    request = collector.only("POST /graphql")
    assert (request.trace_id, request.parent_id, request.kind) == (TRACE, CALLER, SERVER)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
    }
    ours = {span.span_id: span for span in collector.spans if span.trace_id == TRACE}
    operation = collector.only("graphql.operation")
    assert (operation.parent_id, operation.attributes["porchlight.executed"]) == (request.span_id, True)
    field = collector.only("Mutation.register")
    assert (field.parent_id, field.failed) == (operation.span_id, None)
    inserted = [span for span in ours.values() if span.name == "INSERT users"]
    system = "sqlite" if traced.app.database.dialect == "sqlite" else "postgresql"
    assert [span.attributes["db.system.name"] for span in inserted] == [system]
    assert inserted[0].attributes["db.query.text"].startswith('INSERT INTO "users" (')
    assert inserted[0].kind == CLIENT
    assert {"limits.hit", "breaches.knows"} <= {span.name for span in ours.values()}
    job = next(span for span in collector.named("job mail.send"))
    assert (job.kind, job.parent_id, job.attributes["porchlight.job.outcome"]) == (CONSUMER, "", "done")
    assert [trace for trace, _ in job.links] == [TRACE]
    assert job.links[0][1] in ours
    assert collector.only("mail.send").trace_id == job.trace_id
    assert all(span.parent_id in ours or span is request for span in ours.values())
    assert {line.get("trace_id") for line in lines if line["event"] in {"graphql.operation", "http.request"}} == {TRACE}
    assert collector.resources[0]["service.name"] == "porchlight"
    assert collector.headers[0]["x-key"] == "of this test"
    for secret in (b"ada@", b"Ada of", PASSWORD.encode(), answer.json()["data"]["register"]["deviceToken"].encode()):
        assert secret not in collector.raw


async def flushed_named(porchlight: Porchlight, collector: Collector, name: str) -> bool:
    """Whether there is a span of this name, after all that is known was told."""
    await flushed(porchlight)
    return bool(collector.named(name))


async def test_failures_sockets_and_addresses_are_told_without_what_they_hold(
    traced: Porchlight, collector: Collector
) -> None:
    """A code, never a message; a route, never an address; probes and what nobody has are not told by name."""
    await traced.http.get("/exports/a-token-of-somebody")
    await traced.http.get("/nowhere/at/all?x=1")
    await traced.http.get("/readyz")
    await traced.post("{ users { totalCount } }")
    async with traced.connect() as connection:
        await connection.subscribe(ME)
        assert await connection.next() == {"data": {"me": None}}
        assert (await connection.receive())["type"] == "complete"
    await until(lambda: flushed_named(traced, collector, "Query.me"), 10)
    names = {span.name for span in collector.spans}
    assert {"GET /exports/{token}", "GET /…", "POST /graphql"} <= names
    assert not [name for name in names if "readyz" in name or "nowhere" in name or "Secretly" in name]
    refused = collector.only("Query.users")
    assert (refused.failed, refused.attributes) == ("Unauthenticated", {"error.type": "Unauthenticated"})
    [over_http, over_socket] = collector.named("graphql.operation")
    assert over_http.attributes["porchlight.codes"] == ["UNAUTHENTICATED"]
    assert over_http.failed is None
    assert over_socket.attributes["network.protocol.name"] == "websocket"
    assert collector.only("Query.me").parent_id == over_socket.span_id
    assert b"a-token-of-somebody" not in collector.raw


@pytest.mark.parametrize(
    ("sampler", "flag", "kept"),
    [
        ("always_off", "01", 0),
        ("traceidratio", "01", 0),
        ("parentbased_always_on", "00", 0),
        ("parentbased_always_off", "01", 1),
        ("parentbased_traceidratio", "01", 1),
        ("always_on", "00", 1),
    ],
)
async def test_share_of_traces_is_chosen_by_the_standards_names(
    collector: Collector, sampler: str, flag: str, kept: int
) -> None:
    """A parent's decision counts where the sampler says so. What is not told is the cause of nothing."""
    tracing: Any = open_tracing(collector.url, headers="", service="porchlight", sampler=sampler, ratio=0.0)
    with tracing.request("asked", [(b"traceparent", f"00-{TRACE}-{CALLER}-{flag}".encode()), (b"host", b"x")]) as span:
        assert (span.trace_id == TRACE, tracing.here() is not None) == (bool(kept), bool(kept))
    await tracing.close()
    assert len(collector.named("asked")) == kept


async def test_collector_that_is_away_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """An orderly stop gives it a moment, also one that takes all and says nothing; what is not told is lost."""
    monkeypatch.setattr(otlp, "LAST_SECONDS", 0.2)
    asked, over = asyncio.Event(), asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await over.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        for port in (9, server.sockets[0].getsockname()[1]):
            tracing = open_tracing(f"http://127.0.0.1:{port}", headers="", service="x", sampler="always_on", ratio=1.0)
            assert tracing is not None
            with tracing.request("asked", []):
                pass
            async with asyncio.timeout(2):
                await tracing.close()
        assert asked.is_set()
        over.set()


async def test_faults_fail_their_spans_and_untold_traces_bind_nothing(collector: Collector) -> None:
    """A status of 5xx, a code that is a fault of ours; no log line names a trace that nobody is told."""
    on, off = (
        open_tracing(collector.url, headers="", service="x", sampler=sampler, ratio=1.0)
        for sampler in ("always_on", "always_off")
    )
    assert on is not None
    assert off is not None

    async def broken(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})

    scope = {"type": "http", "method": "EVIL", "path": "/x", "headers": []}

    async def sent(_: Any) -> None:
        pass

    for tracing in (on, off):
        structlog.contextvars.clear_contextvars()
        await TracedRequests(broken, tracing, [])(scope, None, sent)  # type: ignore[arg-type]
        assert ("trace_id" in structlog.contextvars.get_contextvars()) is (tracing is on)
        with tracing.span("operation") as span:
            tell(span, Answer({}, codes=["UNAVAILABLE", "INTERNAL", "FORBIDDEN"]))
        await tracing.close()
    structlog.contextvars.clear_contextvars()
    request, operation = collector.only("_OTHER /…"), collector.only("operation")
    assert (request.failed, request.attributes["http.response.status_code"]) == ("503", 503)
    assert operation.failed == "INTERNAL"
    assert operation.attributes["porchlight.codes"] == ["FORBIDDEN", "INTERNAL", "UNAVAILABLE"]


def test_statements_are_told_without_texts() -> None:
    """By verb and table. What stands between quotes is not told, though ours have placeholders."""
    known = told("SELECT * FROM \"users\" WHERE name = 'Ada ''of'' x' AND id = $1")
    assert known == ("SELECT users", "SELECT", "users", 'SELECT * FROM "users" WHERE name = ? AND id = $1')
    assert told("COMMIT;").name == "COMMIT"
    assert told("/* odd */").name == "SQL"
    assert len(told("SELECT " + "x" * 5_000).text) == 2_000
