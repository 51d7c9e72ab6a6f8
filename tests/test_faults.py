"""What goes wrong on our side: bugs are masked and logged, a lost database is told as such, every error has a code."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator
from typing import Any

import httpx
import pytest
from graphql import GraphQLError
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from structlog.testing import capture_logs

from adapters.database import failures
from resolvers.root import Schema
from schema.errors import describe, failure
from schema.limits import documents
from services import accounts, trials
from services.app import App
from tests.conftest import Start
from tests.porchlight import LOGIN, PASSWORD, REGISTER, Porchlight
from tests.services.postgres import PostgresServer
from tests.services.valkey import until
from web.operations import Operations
from web.sockets.connection import Socket

SECRET_TEXT = "SELECT secret FROM users WHERE token = 'xyzzy'"
RESULT = "application/graphql-response+json"
ADA = {"input": {"email": "ada@example.com", "password": PASSWORD}}


pytestmark = pytest.mark.usefixtures("events")


@pytest.fixture
def events() -> Generator[list[Any]]:
    """What is logged meanwhile."""
    with capture_logs() as captured:
        yield captured


def failures_in(events: list[Any]) -> list[str]:
    """The ids under which bugs stand in the log."""
    return [event["error_id"] for event in events if event["event"] == "request.failed"]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registering has a bug."""

    async def register(*_: Any, **__: Any) -> None:
        await asyncio.sleep(0)
        raise KeyError(SECRET_TEXT)

    monkeypatch.setattr(accounts, "register", register)


@pytest.mark.usefixtures("broken")
async def test_a_bug_is_masked_and_stands_in_the_log(porchlight: Porchlight, events: list[Any]) -> None:
    """The client gets an id, the log has the trace under it, and the rest of the operation is answered."""
    query = REGISTER.replace("mutation Register", "mutation Again").replace("}\n}", "} __typename }")
    answer = await porchlight.http.post("/graphql", json={"query": query, "variables": ADA}, headers={"accept": RESULT})
    assert answer.status_code == 200
    assert answer.json()["data"] == {"register": None, "__typename": "Mutation"}
    (error,) = answer.json()["errors"]
    assert error["message"] == "Something went wrong on our side."
    assert error["path"] == ["register"]
    assert error["extensions"].keys() == {"code", "errorId"}
    assert error["extensions"]["code"] == "INTERNAL"
    assert "xyzzy" not in answer.text
    (logged,) = [event for event in events if event["event"] == "request.failed"]
    assert logged["error_id"] == error["extensions"]["errorId"]
    assert SECRET_TEXT in str(logged["exc_info"])


@pytest.mark.usefixtures("broken")
async def test_a_bug_is_masked_over_rest_and_sockets(porchlight: Porchlight) -> None:
    """500 with a code and an id; over a socket an answer like over HTTP, and the socket lives on."""
    body = {"email": "ada@example.com", "password": PASSWORD}
    answer = await porchlight.http.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert len(answer.json()["errorId"]) == 16
    assert "xyzzy" not in answer.text
    async with porchlight.connect() as connection:
        await connection.subscribe(REGISTER, input=ADA["input"])
        payload = await connection.next()
        assert (payload["data"], payload["errors"][0]["extensions"]["code"]) == ({"register": None}, "INTERNAL")
        assert await connection.receive() == {"id": "1", "type": "complete"}
        await connection.subscribe("{ __typename }")
        assert await connection.next() == {"data": {"__typename": "Query"}}


async def test_a_bug_in_an_endpoint_has_an_id(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, events: list[Any]
) -> None:
    """Outside GraphQL too: a problem document, with the headers that every answer has, and those for its origin."""

    def fails(_: App) -> None:
        raise RuntimeError(SECRET_TEXT)

    monkeypatch.setattr(App, "metrics", property(fails), raising=False)
    answer = await porchlight.http.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["code"] == "INTERNAL"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "xyzzy" not in answer.text
    assert failures_in(events) == [answer.json()["errorId"]]


async def test_faults_reach_the_browsers_that_may_read(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer to a fault has the headers of its origin, else the browser would show none of it."""

    async def fails(*_: Any) -> None:
        await asyncio.sleep(0)
        raise RuntimeError

    monkeypatch.setattr(Operations, "healthz", fails)
    porchlight = await start(allowed_origins=("https://app.example.com",))
    answer = await porchlight.http.get("/healthz", headers={"origin": "https://app.example.com"})
    assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (500, "https://app.example.com")


async def test_a_bug_in_a_subscription_ends_it_alone(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """An `error` message with a code and an id; the next operation is answered."""

    async def watch(*_: Any, **__: Any) -> None:
        await asyncio.sleep(0)
        raise KeyError(SECRET_TEXT)

    monkeypatch.setattr(trials, "watch", watch)
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe("subscription { trialCountdown { version } }")
        message = await connection.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
        assert "xyzzy" not in str(message)
        await connection.subscribe("{ __typename }")
        assert await connection.next() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_bug_of_the_socket_itself_closes_it_by_its_id(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, events: list[Any]
) -> None:
    """1011 and not 1006: the client learns what to quote. A closed peer is no fault, nor is an answer that is lost."""
    with monkeypatch.context() as patch:
        patch.setattr(Socket, "_handle", fails)
        async with porchlight.connect() as connection:
            await connection.send(type="ping")
            code, reason = await connection.closed()
    assert (code, reason) == (1011, f"INTERNAL {failures_in(events)[0]}")
    async with porchlight.connect() as connection:
        with monkeypatch.context() as patch:
            patch.setattr(Socket, "send", fails)
            await connection.subscribe("{ __typename }")
            await until(lambda: any(event["event"] == "socket.operation_failed" for event in events))
        await connection.subscribe("{ __typename }", "2")
        assert await connection.next() == {"data": {"__typename": "Query"}}
    async with porchlight.connect() as connection:
        with monkeypatch.context() as patch:
            patch.setattr(WebSocket, "close", leaves)
            await connection.send(type="unknown")
            await connection.raw.wait_closed()
    assert [event["event"] for event in events if event["log_level"] == "error"] == [
        "request.failed", "request.failed", "socket.operation_failed"
    ]  # fmt: skip


async def fails(*_: Any) -> None:
    await asyncio.sleep(0)
    raise RuntimeError(SECRET_TEXT)


async def leaves(*_: Any) -> None:
    await asyncio.sleep(0)
    raise WebSocketDisconnect


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_bug_before_execution_ends_one_operation(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever prepares it: INTERNAL over HTTP and over a socket, which lives on."""
    unread = "query Unread { __typename }"
    with monkeypatch.context() as patch:
        patch.setattr(documents, "Sizes", None)
        assert await porchlight.codes(unread) == ["INTERNAL"]
        async with porchlight.connect() as connection:
            for broken in (documents, Schema):
                patch.setattr(broken, "Sizes" if broken is documents else "stream", None)
                await connection.subscribe(unread)
                message = await connection.receive()
                assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
    assert await porchlight.codes(unread) == []


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_an_answer_that_breaks_off_is_not_made_whole(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has begun as a success cannot become an error: the connection ends, and the client sees that."""

    async def broken_off() -> AsyncGenerator[bytes]:
        yield b"half"
        await asyncio.sleep(0)
        raise RuntimeError(SECRET_TEXT)

    async def healthz(*_: Any) -> StreamingResponse:
        await asyncio.sleep(0)
        return StreamingResponse(broken_off())

    monkeypatch.setattr(Operations, "healthz", healthz)
    porchlight = await start()
    with pytest.raises(httpx.RemoteProtocolError):
        await porchlight.http.get("/healthz")


def test_what_graphql_itself_finds_is_told_or_masked(events: list[Any]) -> None:
    """Recursion without end is the document's fault; a resolver that breaks its own type is ours."""
    message, extensions = failure(RecursionError(SECRET_TEXT))
    assert (extensions, "xyzzy" in message) == ({"code": "QUERY_TOO_COMPLEX"}, False)
    (error,) = describe([GraphQLError("Cannot return null for non-nullable field User.email.", path=["me", "email"])])
    assert (error["message"], error["extensions"]["code"]) == ("Something went wrong on our side.", "INTERNAL")
    assert failures_in(events) == [error["extensions"]["errorId"]]
    (told,) = describe([GraphQLError("Argument 'id' has an invalid value.", path=["node"])])
    assert told["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_a_lost_database_is_unavailable(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNAVAILABLE with the seconds to wait, on every way of asking; all is well once it is back."""
    person = await porchlight.register()

    async def gone(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(0)
        with failures.reporting():
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

    client = type(porchlight.app.database._client)
    with monkeypatch.context() as patch:
        for name in ("execute_query", "execute_insert", "records"):
            patch.setattr(client, name, gone)
        answer = (await porchlight.post(LOGIN, ADA)).json()
        assert answer["data"] == {"login": None}
        assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}
        # Whose token it is cannot be known: that fails the whole request.
        whole = await porchlight.post("{ __typename }", token=person.access_token, Accept=RESULT)
        assert (whole.status_code, whole.headers["retry-after"]) == (503, "1")
        assert whole.headers["content-type"] == RESULT
        assert whole.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}
        async with porchlight.connect(init=False) as connection:
            payload = {"Authorization": f"Bearer {person.access_token}"}
            await connection.send(type="connection_init", payload=payload)
            assert await connection.closed() == (1013, "UNAVAILABLE")
    me = await porchlight.ask("{ me { email } }", token=person.access_token)
    assert me == {"me": {"email": person.email}}


async def test_an_open_socket_survives_a_lost_database(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its operations fail one by one while the database is away."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        with monkeypatch.context() as patch:

            async def gone(*_: Any, **__: Any) -> Any:
                await asyncio.sleep(0)
                raise ConnectionResetError

            patch.setattr("services.access._row", gone)
            await connection.subscribe("{ me { email } }")
            message = await connection.receive()
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "UNAVAILABLE")
        await connection.subscribe("{ me { email } }")
        assert await connection.next() == {"data": {"me": {"email": person.email}}}


async def test_cut_connections_to_postgres_heal(
    start: Start, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """A request meets at most a typed error, and the next ones find new connections."""
    porchlight = await start(database_url=postgres_url)
    person = await porchlight.register()
    await postgres_server.cut(postgres_url)
    codes = [
        error["extensions"]["code"]
        for _ in range(12)
        for error in (await porchlight.post("{ me { email } }", token=person.access_token)).json().get("errors", [])
    ]
    assert set(codes) <= {"UNAVAILABLE"}
    assert await porchlight.codes("{ me { email } }", token=person.access_token) == []


FAILING: dict[str, tuple[str, dict[str, Any] | None]] = {
    "GRAPHQL_PARSE_FAILED": ("{", None),
    "GRAPHQL_VALIDATION_FAILED": ("{ a b c }", None),
    "QUERY_TOO_COMPLEX": ("{ " + "a " * 3_000 + "}", None),
    "BAD_USER_INPUT": ("query($id: ID!) { node(id: $id) { id } }", {}),
    "UNAUTHENTICATED": ("mutation { logout }", None),
}


@pytest.mark.parametrize("code", FAILING)
async def test_every_error_has_its_code(porchlight: Porchlight, code: str) -> None:
    """Each of several errors has one, over HTTP in both media types and over a socket."""
    query, variables = FAILING[code]
    found = [await porchlight.codes(query, variables)]
    answer = await porchlight.post(query, variables, Accept=RESULT)
    found.append([error["extensions"]["code"] for error in answer.json()["errors"]])
    async with porchlight.connect() as connection:
        await connection.subscribe(query, **(variables or {}))
        message = await connection.receive()
        errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
        found.append([error["extensions"]["code"] for error in errors])
    assert found == [[code] * (3 if "a b c" in query else 1)] * 3
