"""`/graphql/stream`: one operation's answers as server-sent events, bounded and ended as sockets are."""

import asyncio
import socket
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from structlog.testing import capture_logs

import web.stream
import web.streams
from core.errors import Unavailable
from models import Session, User
from models.accounts import Role
from models.measuring import AnswerOutcome
from services import sessions
from tests.clock import ManualClock
from tests.event_streams import EVENTS, streaming
from tests.porchlight import LOGIN, PASSWORD, REGISTER, Person, Porchlight
from tests.services.valkey import until
from tests.slow_hashes import SlowHashes
from web import watch
from web.watch import ENDED, RESTARTING

COUNTDOWN = "subscription { trialCountdown { secondsLeft version } }"
TYPENAME = {"data": {"__typename": "Query"}}
TWO_WEEKS = 14 * 86_400


async def all_let_go(porchlight: Porchlight) -> None:
    """No stream, no countdown and nothing that is watched is left on the server."""
    sample = porchlight.app.metrics.registry.get_sample_value
    await until(lambda: porchlight.app.countdown.subscribers == 0)
    await until(lambda: sample("porchlight_event_streams") == 0)


async def asked(porchlight: Porchlight, method: str = "POST", **how: Any) -> httpx.Response:
    """The whole answer to a request that opens no stream."""
    return await porchlight.http.request(method, "/graphql/stream", **how)


def code_of(answer: httpx.Response) -> str:
    """The code of the one error."""
    (error,) = answer.json()["errors"]
    return str(error["extensions"]["code"])


HEADERS = {
    "content-type": f"{EVENTS}; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
    "connection": "close",
    "content-encoding": None,
}


async def test_a_subscription_is_followed(porchlight: Porchlight) -> None:
    """By POST and by GET, for two statements: each tick an event, until the client leaves and all is given back."""
    person = await porchlight.register()
    for method in ("POST", "GET"):
        left = TWO_WEEKS - (0 if method == "POST" else 3)
        how: dict[str, Any] = {"token": person.access_token, "method": method}
        with porchlight.counting_queries() as statements:
            async with streaming(porchlight, COUNTDOWN, **how) as stream:
                assert stream.answer.status_code == 200
                for name, value in HEADERS.items():
                    assert stream.answer.headers.get(name) == value
                tick = (await stream.next())["data"]["trialCountdown"]
                assert tick == {"secondsLeft": left, "version": tick["version"]}
                for second in range(1, 4):
                    await porchlight.clock.advance(timedelta(seconds=1))
                    assert (await stream.next())["data"]["trialCountdown"]["secondsLeft"] == left - second
                assert porchlight.app.countdown.subscribers == 1
        asked, trial = statements
        assert ("JOIN sessions s ON s.key" in asked, ' FROM "trials"' in trial) == (True, True)
        await all_let_go(porchlight)


async def test_every_kind_of_operation_may_be_streamed(porchlight: Porchlight) -> None:
    """A query has one answer and an end. Mutations come by POST alone: an address changes nothing."""
    for method in ("POST", "GET"):
        async with streaming(porchlight, "{ __typename }", method=method) as stream:
            assert await stream.next() == TYPENAME
            await stream.completes()
    given = {"input": {"email": "ada@example.com", "password": PASSWORD}}
    async with streaming(
        porchlight, REGISTER, method="GET", variables='{"input": {"email": "a", "password": ""}}'
    ) as stream:
        assert await stream.codes() == ["BAD_USER_INPUT"]
        await stream.completes()
    with porchlight.app.database.bound():
        assert await User.all().count() == 0
    async with streaming(porchlight, REGISTER, variables=given, headers={"last-event-id": "7"}) as stream:
        result = (await stream.next())["data"]["register"]
        assert result["__typename"] == "RegisterSuccess"
        await stream.completes()
    token = result["tokens"]["accessToken"]
    async with streaming(porchlight, "mutation { logout }", token=token) as stream:
        assert await stream.next() == {"data": {"logout": True}}
        await stream.completes()
    async with streaming(porchlight, "query A { __typename } query B { b: __typename }", operationName="B") as stream:
        assert await stream.next() == {"data": {"b": "Query"}}
    await all_let_go(porchlight)


IN_THE_STREAM: dict[str, tuple[dict[str, Any], str]] = {
    "syntax": ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    "validation": ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
    "no such operation": ({"query": "query A { __typename }", "operationName": "B"}, "GRAPHQL_VALIDATION_FAILED"),
    "variable": ({"query": "query($id: ID!) { node(id: $id) { id } }"}, "BAD_USER_INPUT"),
    "cadence": ({"query": "subscription { trialCountdown(everySeconds: 0) { version } }"}, "BAD_USER_INPUT"),
    "too many fields": ({"query": "{ " + "__typename " * 200 + "}"}, "QUERY_TOO_COMPLEX"),
    "too deep": ({"query": "{ me " * 20 + "}" * 20}, "QUERY_TOO_COMPLEX"),
    "persisted": ({"query": None, "documentId": "x"}, "PERSISTED_QUERY_NOT_SUPPORTED"),
}


async def test_what_is_wrong_with_the_operation_is_told_in_the_stream(porchlight: Porchlight) -> None:
    """Each ends after one event with its code: EventSource could not read it from a status."""
    person = await porchlight.register()
    found = {}
    for name, (members, _) in IN_THE_STREAM.items():
        async with streaming(porchlight, **members, token=person.access_token) as stream:
            assert (stream.answer.status_code, stream.answer.headers["content-type"][:17]) == (200, EVENTS)
            found[name] = await stream.codes()
            await stream.completes()
    assert found == {name: [code] for name, (_, code) in IN_THE_STREAM.items()}
    async with streaming(porchlight, COUNTDOWN) as stream:
        assert await stream.codes() == ["UNAUTHENTICATED"]
        await stream.completes()
    await all_let_go(porchlight)


OPERATION: dict[str, Any] = {"json": {"query": "{ __typename }"}}
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "JSON wanted": ({**OPERATION, "headers": {"accept": "application/json"}}, 406, "BAD_USER_INPUT"),
    "events not wanted": ({**OPERATION, "headers": {"accept": f"{EVENTS};q=0, */*"}}, 406, "BAD_USER_INPUT"),
    "form": ({"data": {"query": "{ __typename }"}}, 415, "BAD_USER_INPUT"),
    "no JSON": ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "BAD_USER_INPUT"),
    "list": ({"json": []}, 400, "BAD_USER_INPUT"),
    "no query": ({"json": {}}, 400, "BAD_USER_INPUT"),
    "no query in the address": ({"method": "GET"}, 400, "BAD_USER_INPUT"),
    "variables": ({"json": {"query": "{ __typename }", "variables": []}}, 400, "BAD_USER_INPUT"),
    "long": ({"json": {"query": "x" * 20_001}}, 413, "QUERY_TOO_COMPLEX"),
    "token": ({**OPERATION, "headers": {"authorization": "Bearer x"}}, 401, "UNAUTHENTICATED"),
    "scheme": ({**OPERATION, "headers": {"authorization": "Basic x"}}, 401, "UNAUTHENTICATED"),
}


async def test_what_is_wrong_with_the_request_has_a_status(porchlight: Porchlight) -> None:
    """And a GraphQL error in JSON; no stream begins."""
    found = {}
    for name, (how, _, _) in REFUSED.items():
        answer = await asked(porchlight, **how)
        assert answer.headers["content-type"] == "application/json"
        found[name] = answer.status_code, code_of(answer)
    assert found == {name: (status, code) for name, (_, status, code) in REFUSED.items()}
    for accept in ("*/*", "text/*", f"application/graphql-response+json, application/json, {EVENTS}", ""):
        async with streaming(porchlight, "{ __typename }", headers={"accept": accept}) as stream:
            assert await stream.next() == TYPENAME
    head = await asked(porchlight, "HEAD", params={"query": COUNTDOWN})
    assert (head.status_code, head.content, head.headers["content-type"][:17]) == (200, b"", EVENTS)
    await all_let_go(porchlight)


async def test_a_stream_ends_with_its_session(porchlight: Porchlight) -> None:
    """Told in the stream at once, at signing out, suspension and a lower role; found by the look when nobody told."""
    ended = {}
    for how in ("logged out", "suspended", "lowered", "lost"):
        person = await porchlight.register(f"{how.replace(' ', '.')}@example.com")
        with porchlight.app.database.bound():
            await User.filter(id=person.user_id).update(role=Role.SUPPORT)
        async with streaming(porchlight, COUNTDOWN, token=person.access_token) as stream:
            await stream.next()
            await _end(porchlight, person, how)
            while "errors" not in (content := await stream.next()):
                assert how == "lost"  # it ticks until somebody looks
            (error,) = content["errors"]
            ended[how] = error["message"], error["extensions"]
            await stream.completes()
        await all_let_go(porchlight)
    unauthenticated = {"code": "UNAUTHENTICATED"}
    assert ended == {
        "logged out": ("The session has ended.", unauthenticated),
        "suspended": ("The account has been suspended.", unauthenticated),
        "lowered": ("The role has changed.", unauthenticated),
        "lost": ("The session has ended.", unauthenticated),
    }


async def _end(porchlight: Porchlight, person: Person, how: str) -> None:
    app = porchlight.app
    if how == "logged out":
        await porchlight.ask("mutation { logout }", token=person.access_token)
        return
    with app.database.bound():
        user = User.filter(id=person.user_id)
        match how:
            case "suspended":
                await user.update(suspended_at=porchlight.clock.now())
                await sessions.tell_of(app, person.user_id)
            case "lowered":
                await user.update(role=Role.USER)
                await sessions.tell_of(app, person.user_id)
            case _:
                await Session.filter(user_id=person.user_id).update(revoked_at=porchlight.clock.now())
                await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))


async def test_each_client_has_so_many_streams(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused with the seconds to wait; others, and who has left one, are served. Limits of fields hold."""
    monkeypatch.setattr(web.streams, "MOST", 2)
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    bearer = {"authorization": f"Bearer {ada.access_token}"}
    async with streaming(porchlight, COUNTDOWN, token=ada.access_token) as first:
        await first.next()
        async with streaming(porchlight, COUNTDOWN, token=ada.access_token) as second:
            await second.next()
            answer = await asked(porchlight, json={"query": COUNTDOWN}, headers=bearer)
            assert (answer.status_code, answer.headers["retry-after"], code_of(answer)) == (429, "1", "RATE_LIMITED")
            async with streaming(porchlight, COUNTDOWN, token=grace.access_token) as other:
                await other.next()
        await until(lambda: porchlight.app.countdown.subscribers == 1)
        async with streaming(porchlight, COUNTDOWN, token=ada.access_token) as again:
            await again.next()
    wrong = {"input": {"email": "ada@example.com", "password": "not the right one"}}
    for _ in range(10):
        async with streaming(porchlight, LOGIN, variables=wrong) as stream:
            assert (await stream.next())["data"]["login"]["__typename"] == "InvalidCredentials"
    async with streaming(porchlight, LOGIN, variables=wrong) as stream:
        assert await stream.codes() == ["RATE_LIMITED"]
    await all_let_go(porchlight)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_silence_is_broken(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """By comments, which are no events; the first one opens the stream."""
    monkeypatch.setattr(web.stream, "KEEP_ALIVE", 0.02)
    person = await porchlight.register()
    async with streaming(porchlight, COUNTDOWN, token=person.access_token) as stream:
        await stream.next()
        assert stream.comments == 1
        heard = asyncio.create_task(stream.next())
        await until(lambda: stream.comments > 3)
        await porchlight.clock.advance(timedelta(seconds=1))
        assert (await heard)["data"]["trialCountdown"]["secondsLeft"] == TWO_WEEKS - 1
    await all_let_go(porchlight)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_change_that_has_begun_is_brought_to_its_end(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is gone: the account is there all the same."""
    hashing = SlowHashes(monkeypatch)
    given = {"input": {"email": "ada@example.com", "password": PASSWORD}}
    with capture_logs() as events:
        async with streaming(porchlight, REGISTER, variables=given):
            await asyncio.wait_for(hashing.begun.wait(), 20)
        await asyncio.sleep(0.05)
        hashing.gate.set()
        with porchlight.app.database.bound():
            await until(User.filter(email="ada@example.com").exists)
        await all_let_go(porchlight)
    assert [event for event in events if event["log_level"] == "error"] == []


class Deaf:
    """A client that reads the head of its stream and no more, until it is told to."""

    def __init__(self, porchlight: Porchlight, query: str, token: str) -> None:
        self._url = httpx.URL(f"{porchlight.url}/graphql/stream", params={"query": query}).raw_path
        self._head = f" HTTP/1.1\r\nHost: x\r\nAccept: {EVENTS}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        self._port = porchlight.port
        self.socket = socket.socket()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.socket.setblocking(False)  # ruff: ignore[boolean-positional-value-in-call] -- as the standard library has it
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await loop.sock_connect(self.socket, ("127.0.0.1", self._port))
        await loop.sock_sendall(self.socket, b"GET " + self._url + self._head)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.socket.close()

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        loop, found = asyncio.get_running_loop(), b""
        async with asyncio.timeout(20):
            while part := await loop.sock_recv(self.socket, 65_536):
                found += part
        return found


LONG = " ".join(f"again{number}: endsAt" for number in range(25))
LONG_COUNTDOWN = f"subscription {{ trialCountdown {{ secondsLeft {LONG} }} }}"


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_reader_that_does_not_read_is_not_queued_for(porchlight: Porchlight, clock: ManualClock) -> None:
    """What waits for it is bounded, the rest is passed over; its end it is told once it reads again."""
    person = await porchlight.register()
    async with Deaf(porchlight, LONG_COUNTDOWN, person.access_token) as deaf:
        await until(lambda: porchlight.app.countdown.subscribers == 1)
        for _ in range(500):
            await clock.run(1)
        reading = asyncio.create_task(deaf.rest())
        await until(lambda: reading.done() or porchlight.app.countdown.subscribers == 1)
        await asyncio.sleep(0.1)
        await porchlight.ask("mutation { logout }", token=person.access_token)
        found = await reading
    assert found.endswith(b"event: complete\ndata:\n\n\r\n0\r\n\r\n")
    assert f'"secondsLeft":{TWO_WEEKS - 500}'.encode() in found
    assert 1 < found.count(b"event: next") < 250
    await all_let_go(porchlight)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_who_takes_nothing_is_cut_off(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two silences, or soon after the session's end; the log has a line of it that is no error."""
    for name, seconds in (("KEEP_ALIVE", 0.1), ("PATIENCE", 30.0)), (("KEEP_ALIVE", 30.0), ("PATIENCE", 0.1)):
        monkeypatch.setattr(web.stream, *name)
        monkeypatch.setattr(web.stream, *seconds)
        person = await porchlight.register(f"{name[1]}@example.com")
        with capture_logs() as events:
            async with Deaf(porchlight, LONG_COUNTDOWN, person.access_token):
                await until(lambda: porchlight.app.countdown.subscribers == 1)
                for _ in range(500):
                    await clock.run(1)
                if name[1] == 30.0:
                    await porchlight.ask("mutation { logout }", token=person.access_token)
                await all_let_go(porchlight)
        assert [event["log_level"] for event in events if event["event"] == "stream.cut_off"] == ["info"]
        assert [event for event in events if event["log_level"] == "error"] == []


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_cookie_follows_and_changes_nothing(porchlight: Porchlight) -> None:
    """In cookie mode, or for EventSource of a page of our origin; a page of another site has no cookie that counts."""
    person = await porchlight.register()
    cookie = {"cookie": f"porchlight-access={person.access_token}"}
    for headers, signed_in in (
        ({"porchlight-session": "cookie"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({}, False),
    ):
        async with streaming(porchlight, "{ me { email } }", method="GET", headers={**cookie, **headers}) as stream:
            assert await stream.next() == {"data": {"me": {"email": person.email} if signed_in else None}}
    same = {**cookie, "sec-fetch-site": "same-origin"}
    async with streaming(porchlight, "mutation { logout }", headers=same) as stream:
        assert await stream.codes() == ["BAD_USER_INPUT"]
    async with streaming(porchlight, COUNTDOWN, method="GET", headers=same) as stream:
        await stream.next()
    await all_let_go(porchlight)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_server_that_stops_lets_streams_go(porchlight: Porchlight) -> None:
    """Without `complete`, so that clients come again, and to another process; this one opens no more. Sockets too."""
    person = await porchlight.register()
    async with (
        streaming(porchlight, COUNTDOWN, token=person.access_token) as stream,
        porchlight.connect() as anonymous,
        porchlight.connect(token=person.access_token) as connection,
    ):
        await stream.next()
        porchlight.app.draining = True
        porchlight.app.stopping.set()
        assert await stream.event() is None
        assert [await each.closed() for each in (anonymous, connection)] == [(1012, "The server restarts")] * 2
    answer = await asked(porchlight, **OPERATION)
    assert (answer.status_code, code_of(answer)) == (503, "UNAVAILABLE")
    assert {outcome for transport, outcome in porchlight.app.measuring.totals if transport == "sse"} == {"OK"}
    await all_let_go(porchlight)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
@pytest.mark.parametrize(("how", "told"), [(RESTARTING, []), (ENDED, ["UNAUTHENTICATED"])])
async def test_a_stream_that_is_ended_before_it_runs_does_not_run(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, how: tuple[int, str], told: list[str]
) -> None:
    """A client that takes its first bytes late is not answered after the end of its session."""
    person = await porchlight.register()
    writes = web.stream.Stream._write

    async def ended_meanwhile(stream: web.stream.Stream, data: bytes) -> None:
        await writes(stream, data)
        await stream.end(*how)

    monkeypatch.setattr(web.stream.Stream, "_write", ended_meanwhile)
    async with streaming(porchlight, "{ me { email } }", token=person.access_token) as stream:
        if told:
            assert await stream.codes() == told
            await stream.completes()
        else:
            assert await stream.event() is None
    await all_let_go(porchlight)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_faults_are_told_and_counted(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an opening by its status, of an operation in its stream; a client that leaves while it asks is none."""
    for error, status, code in ((Unavailable(), 503, "UNAVAILABLE"), (KeyError("xyzzy"), 500, "INTERNAL")):
        with monkeypatch.context() as patch:
            patch.setattr(web.streams, "client_of", _raising(error))
            answer = await asked(porchlight, **OPERATION)
        assert (answer.status_code, code_of(answer), "xyzzy" in answer.text) == (status, code, False)
    with monkeypatch.context() as patch:
        patch.setattr(web.runtime.Runtime, "stream", _raising(KeyError("xyzzy")))
        async with streaming(porchlight, "{ __typename }") as stream:
            assert await stream.codes() == ["INTERNAL"]
            await stream.completes()
    with capture_logs() as events:
        reader, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
        writer.write(
            b"POST /graphql/stream HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
        )
        await writer.drain()
        await porchlight.post("{ __typename }")
        writer.close()
        await until(lambda: any(event["event"] == "http.client_left" for event in events))
        assert await reader.read() == b""
    assert {event["log_level"] for event in events} == {"info"}
    counted = Counter(
        {kind.outcome: n for kind, n in porchlight.app.measuring._counts.items() if kind.transport == "sse"}
    )
    assert counted == {AnswerOutcome.UNAVAILABLE: 1, AnswerOutcome.FAILED: 2}


def _raising(error: Exception) -> Any:
    def raising(*_: Any, **__: Any) -> Any:
        raise error

    return raising


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_stream_that_is_broken_off_gives_everything_back(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last resort of a shutdown cancels the request, which ends its operation on the way."""
    served: list[asyncio.Task[Any]] = []
    serve = web.stream.Stream.serve

    async def watched(self: web.stream.Stream, *asked: Any) -> None:
        task = asyncio.current_task()
        assert task
        served.append(task)
        await serve(self, *asked)

    monkeypatch.setattr(web.stream.Stream, "serve", watched)
    person = await porchlight.register()
    async with streaming(porchlight, COUNTDOWN, token=person.access_token) as stream:
        await stream.next()
        served[0].cancel()
        with pytest.raises(httpx.RemoteProtocolError):
            await stream.event()
    await all_let_go(porchlight)


def test_the_paper_shows_what_is_sent() -> None:
    """The example of docs/graphql.md is what a stream of that operation is, byte by byte."""
    sent = web.stream.told({"data": {"trialCountdown": {"secondsLeft": TWO_WEEKS}}}) + web.stream.COMPLETE
    paper = Path(__file__).parent.parent / "docs" / "graphql.md"
    assert f"```\n{sent.decode()}```\n" in paper.read_text()
