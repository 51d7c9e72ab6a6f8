"""Measuring answers: what is counted, as what, and how it comes into the table that all processes share."""

import asyncio
import signal
from collections import Counter
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs

from core.errors import Unavailable
from models import AnswerOutcome, RequestMinute
from services import access, measuring
from services.measuring import BUCKETS_MS, Measuring, Transport, bucket_of, minute_of, outcome_of
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.porchlight import Porchlight
from tests.program import Programs
from tests.services.schemas import opened
from web.measuring import transport_of
from web.middleware import Envelope

ME = "{ me { id } }"
MINUTE = minute_of(START)
OK, INTERNAL, UNAVAILABLE, FAILED = AnswerOutcome
HTTP, WEBSOCKET, STREAM, REST = Transport


async def stored(porchlight: Porchlight, *, timed: bool = False) -> Counter[tuple[Any, ...]]:
    """What stands in the table after a write, by minute, transport and outcome, and by time where that is asked for."""
    await porchlight.app.measuring.flush()
    found: Counter[tuple[Any, ...]] = Counter()
    with porchlight.app.database.bound():
        for row in await RequestMinute.all():
            kind = (row.minute - MINUTE, row.transport, row.outcome)
            found[(*kind, row.within_ms) if timed else kind] += row.count
    return found


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(None, 0), (0.0, 5), (0.005, 5), (0.0051, 10), (0.5, 500), (0.5001, 525), (60.0, 60_000), (3600.0, 60_000)],
)
def test_time_is_told_by_the_bound_it_keeps(seconds: float | None, bucket: int) -> None:
    """The bound itself still keeps it, as a target does; what takes longer than all stands with the last."""
    assert bucket_of(seconds) == bucket
    assert 500 in BUCKETS_MS


@pytest.mark.parametrize(
    ("codes", "failed", "outcome"),
    [
        ((), False, OK),
        (("NOT_FOUND", "RATE_LIMITED"), False, OK),
        (("NOT_FOUND", "INTERNAL"), False, INTERNAL),
        (("INTERNAL", "UNAVAILABLE"), False, UNAVAILABLE),
        (("UNAVAILABLE",), True, UNAVAILABLE),
        (("INTERNAL",), True, FAILED),
        ((), True, FAILED),
    ],
)
def test_an_answer_is_the_worst_that_is_true_of_it(
    codes: tuple[str, ...], failed: bool, outcome: AnswerOutcome  # ruff: ignore[boolean-type-hint-positional-argument] -- a column of the table above
) -> None:  # fmt: skip
    """Each counts once, so that shares add up."""
    assert outcome_of(codes, failed=failed) is outcome


@pytest.mark.parametrize(
    ("method", "path", "transport"),
    [
        ("POST", "/graphql", HTTP),
        ("GET", "/graphql", HTTP),
        ("OPTIONS", "/graphql", None),
        ("POST", "/auth/register", REST),
        ("GET", "/exports/x", REST),
        ("HEAD", "/exports/x", None),
        ("POST", "/links/verify-email", REST),
        ("POST", "/webhooks/stripe", REST),
        ("GET", "/.well-known/jwks.json", REST),
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("GET", "/metrics", None),
        ("GET", "/dev/outbox", None),
        ("GET", "/wp-login.php", None),
    ],
)
def test_what_is_measured(method: str, path: str, transport: Transport | None) -> None:
    """GraphQL and what people and programs ask for beside it; neither probes nor addresses that are nobody's."""
    assert transport_of(method, path) is transport


async def test_each_answer_is_counted_once(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its way in and how it went: refusals are answers, and UNAVAILABLE is one whatever the status."""
    person = await porchlight.register()
    assert (await porchlight.post("{ nothing }")).status_code == 200
    assert (await porchlight.http.get("/healthz")).status_code == 200
    assert (await porchlight.http.post("/auth/register", json={"email": "x"})).status_code == 422
    monkeypatch.setattr(access, "authenticate", raising(Unavailable()))
    assert (await porchlight.post(ME, token=person.access_token)).status_code == 503
    monkeypatch.setattr(access, "authenticate", raising(KeyError("bug")))
    assert (await porchlight.post(ME, token=person.access_token)).status_code == 500
    monkeypatch.undo()
    for error, code in ((Unavailable(), "UNAVAILABLE"), (KeyError("bug"), "INTERNAL")):
        monkeypatch.setattr("resolvers.accounts.signing_in.User.of", raising(error, wait=False))
        assert await porchlight.codes(ME, token=person.access_token) == [code]
        monkeypatch.undo()
    expected = {(HTTP, OK): 2, (HTTP, UNAVAILABLE): 2, (HTTP, FAILED): 1, (HTTP, INTERNAL): 1, (REST, OK): 1}
    assert await stored(porchlight) == {(0, *kind): count for kind, count in expected.items()}


async def test_sockets_are_counted_apart(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """An opening, the first answer of each operation, and each later one that fails. Their time is not measured."""
    person = await porchlight.register()
    await stored(porchlight)
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe("{ me { id } }")
        await connection.next()
        await connection.receive()
        for error in (Unavailable(), KeyError("bug")):
            monkeypatch.setattr(access, "renewed", raising(error))
            await connection.subscribe("{ me { id } }")
            assert (await connection.receive())["type"] == "error"
            monkeypatch.undo()
    monkeypatch.setattr(access, "authenticate", raising(Unavailable()))
    async with porchlight.connect(init=False) as connection:
        await connection.send(type="connection_init", payload={"Authorization": f"Bearer {person.access_token}"})
        assert await connection.closed() == (1013, "UNAVAILABLE")
    monkeypatch.undo()
    monkeypatch.setattr("web.sockets.connection.CookieJar", raising(KeyError("bug"), wait=False))
    async with porchlight.connect(init=False) as connection:
        await connection.send(type="connection_init")
        assert (await connection.closed())[0] == 1011
    counted = await stored(porchlight, timed=True)
    assert {kind: count for kind, count in counted.items() if kind[1] == WEBSOCKET} == {
        (0, WEBSOCKET, OK, 0): 2,
        (0, WEBSOCKET, UNAVAILABLE, 0): 2,
        (0, WEBSOCKET, FAILED, 0): 2,
    }


async def test_answers_without_an_end(porchlight: Porchlight) -> None:
    """One that breaks off after its status has failed; whoever leaves before anything was said has had none."""

    async def breaking(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("bug")

    scope = {"type": "http", "method": "POST", "path": "/graphql", "raw_path": b"", "query_string": b"", "headers": []}
    for inner, error in ((raising(ClientDisconnect()), ClientDisconnect), (breaking, KeyError)):
        with pytest.raises(error):
            await Envelope(inner, porchlight.app)(scope, AsyncMock(), AsyncMock())
    assert await stored(porchlight) == {(0, HTTP, FAILED): 1}


async def test_processes_add_to_each_other(start: Start, clock: ManualClock) -> None:
    """Each writes by itself once a minute, by one statement; a minute is the one of the answer, not of the write."""
    first, second = await start(), await start()
    await first.post(ME)
    await clock.advance(timedelta(seconds=59))
    await first.post(ME)
    await second.post(ME)
    await asyncio.gather(*(each.app.measuring.flush() for each in (first, second)))
    await clock.advance(timedelta(seconds=1))
    for _ in range(2):
        await first.post(ME)
    assert await stored(second) == {(0, HTTP, OK): 3}
    await clock.advance(timedelta(seconds=60))
    await first.app.measuring.flush()  # after the one of its own
    assert await stored(second) == {(0, HTTP, OK): 3, (1, HTTP, OK): 2}


async def test_no_request_waits_or_fails_while_the_database_is_away(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written is kept and written later; beyond the bound the oldest goes, and is told of."""
    measured = porchlight.app.measuring
    monkeypatch.setattr(measuring, "KEPT", 2)
    monkeypatch.setattr(measuring, "_add", raising(Unavailable("Gone.")))
    with capture_logs() as logs:
        for _ in range(3):
            measured.count(HTTP, OK, 0.1)
            measured.count(HTTP, OK, 0.1)
            await measured.flush()
            await clock.advance(timedelta(minutes=1))
        assert (await porchlight.post(ME)).status_code == 200
    lines = [line for line in logs if line["event"].startswith("measures.")]
    assert {line["event"] for line in lines} == {"measures.not_written", "measures.lost"}
    assert [line["answers"] for line in lines if line["event"] == "measures.lost"] == [2]
    monkeypatch.undo()
    assert await stored(porchlight) == {(1, HTTP, OK): 2, (2, HTTP, OK): 2, (3, HTTP, OK): 1}


async def test_much_is_written_by_several_statements(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """When one of them fails, what the others have written is not written again."""
    monkeypatch.setattr(measuring, "ROWS_AT_ONCE", 2)
    add, calls = measuring._add, []

    async def failing(*given: Any) -> None:
        calls.append(given)
        if len(calls) == 2:
            raise Unavailable
        await add(*given)

    monkeypatch.setattr(measuring, "_add", failing)
    for seconds in (0.001, 0.01, 0.02, 0.04, 0.06):
        porchlight.app.measuring.count(HTTP, OK, seconds)
    await porchlight.app.measuring.flush()
    assert await stored(porchlight, timed=True) == {(0, HTTP, OK, bound): 1 for bound in (5, 10, 25, 50, 75)}
    assert len(calls) == 4


async def test_last_write_is_given_up_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that stops does not hang on its figures, and says what is lost."""

    async def hanging(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(measuring, "_add", hanging)
    monkeypatch.setattr(measuring, "PATIENCE", 0.01)
    nothing: Any = None
    measured = Measuring(ManualClock(), nothing)
    with capture_logs() as logs:
        async with measured.writing():
            measured.count(WEBSOCKET, OK)
    assert [(line["event"], line["answers"]) for line in logs] == [("measures.lost", 1)]


async def test_minutes_become_hours(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two days they are added to the first one of their hour; after 400 days they are gone. Twice is as once."""
    monkeypatch.setattr(measuring, "ROWS_AT_ONCE", 1)
    measured = porchlight.app.measuring
    for minutes in (0, 1, 58, 1, 59):
        await clock.advance(timedelta(minutes=minutes))
        measured.count(HTTP, OK, 0.1)
        measured.count(REST, OK, 0.1)
    each = {(0, HTTP, OK): 1, (1, HTTP, OK): 1, (59, HTTP, OK): 1, (60, HTTP, OK): 1, (119, HTTP, OK): 1}
    whole = each | {(at, REST, outcome): count for (at, _, outcome), count in each.items()}
    assert await stored(porchlight) == whole
    for age, left in (
        (timedelta(days=2) - timedelta(minutes=119), whole),
        (timedelta(hours=3), {(at, by, OK): n for by in (HTTP, REST) for at, n in ((0, 3), (60, 2))}),
        (timedelta(days=398) - timedelta(hours=2), {(60, HTTP, OK): 2, (60, REST, OK): 2}),
    ):
        await clock.jump(clock.now() + age)
        for _ in range(2):
            await measuring.fold(porchlight.app, {})
        assert await stored(porchlight) == left


async def test_real_processes_lose_nothing_when_they_stop(programs: Programs, postgres_url: str) -> None:
    """Two of them write into one table at their orderly end; one that is killed loses what it had not written."""
    shared = {"DATABASE_URL": postgres_url}
    first, second, killed = (programs.serve(**shared) for _ in range(3))
    for program, count in ((first, 3), (second, 2), (killed, 1)):
        await program.listening()
        for _ in range(count):
            await program.ask(ME)
    assert await killed.stop(signal.SIGKILL) == -signal.SIGKILL
    assert await first.stop() == await second.stop() == 0
    async with opened(postgres_url) as database:
        [row] = await database.rows("SELECT SUM(count) AS answers FROM request_minutes WHERE transport = 'http'")
    assert row["answers"] == 5


def raising(error: Exception, *, wait: bool = True) -> Any:
    """What stands in for a function, and fails."""
    return (AsyncMock if wait else Mock)(side_effect=error)
