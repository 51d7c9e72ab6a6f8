"""graphql-transport-ws against the running server: the protocol, its guards, and what a bad client cannot do."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import websockets
from structlog.testing import capture_logs
from websockets.typing import Origin, Subprotocol

from models import Session, Trial, User
from tests.conftest import Start
from tests.porchlight import LOGIN, PASSWORD, REGISTER, Connection, Porchlight
from tests.services.valkey import until
from tests.slow_hashes import SlowHashes

COUNTDOWN = "subscription { trialCountdown { secondsLeft version } }"
PROTOCOL = Subprotocol("graphql-transport-ws")
TYPENAME = {"data": {"__typename": "Query"}}


async def codes_of(connection: Connection, operation_id: str = "1") -> list[str]:
    """The codes of the next message, which is an `error`."""
    message = await connection.receive()
    assert (message["type"], message["id"]) == ("error", operation_id), message
    return [error["extensions"]["code"] for error in message["payload"]]


async def still_serves(connection: Connection) -> None:
    """The connection answers a query."""
    await connection.subscribe("{ __typename }", "still")
    assert await connection.receive() == {"id": "still", "type": "next", "payload": TYPENAME}
    assert await connection.receive() == {"id": "still", "type": "complete"}


async def all_let_go(porchlight: Porchlight) -> None:
    """No socket and no countdown is left on the server."""
    await until(lambda: porchlight.app.countdown.subscribers == 0)
    await until(lambda: porchlight.app.metrics.registry.get_sample_value("porchlight_sockets") == 0)


# ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_connection_begins_with_init_and_ack(porchlight: Porchlight) -> None:
    """Pings are answered before and after; queries, mutations and several subscriptions share the socket."""
    async with porchlight.connect(init=False) as connection:
        assert connection.raw.subprotocol == PROTOCOL
        await connection.send(type="ping")
        assert await connection.receive() == {"type": "pong"}
        await connection.send(type="pong")
        await connection.send(type="connection_init")
        assert await connection.receive() == {"type": "connection_ack"}
        await connection.send(type="ping", payload={"any": "thing"})
        assert await connection.receive() == {"type": "pong"}
        await connection.send(type="pong", payload={"any": "thing"})
        await connection.subscribe(REGISTER, "r", input={"email": "ada@example.com", "password": PASSWORD})
        assert (await connection.next())["data"]["register"]["__typename"] == "RegisterSuccess"
        assert await connection.receive() == {"id": "r", "type": "complete"}
        await still_serves(connection)
    await all_let_go(porchlight)


async def test_other_subprotocols_are_refused(porchlight: Porchlight) -> None:
    """4406 for none, for others and for the legacy one; ours is found among several."""
    for offered in (None, [Subprotocol("graphql-ws")], [Subprotocol("x"), Subprotocol("graphql-transport-wss")]):
        async with porchlight.connect(init=False, subprotocols=offered) as connection:
            assert await connection.closed() == (4406, "Subprotocol not acceptable")
    async with porchlight.connect(subprotocols=[Subprotocol("graphql-ws"), PROTOCOL]) as connection:
        await still_serves(connection)


async def test_foreign_origins_are_refused(start: Start) -> None:
    """Browsers of other sites do not get through the handshake; ours, the listed one and programs do."""
    porchlight = await start(allowed_origins=("https://app.example.com",))
    for origin in ("https://evil.example", "http://localhost:8001", "https://app.example.com.evil.example", "null"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with porchlight.connect(origin=Origin(origin)):
                pass
        assert refused.value.response.status_code == 403
    for origin in (
        "https://app.example.com",
        "http://localhost:8000",
        "http://127.0.0.1:8000",
        "HTTP://LOCALHOST:8000",
    ):
        async with porchlight.connect(origin=Origin(origin)) as connection:
            await still_serves(connection)


BEFORE_INIT: dict[str, tuple[str | bytes, int]] = {
    "subscribe": ('{"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }"}}', 4401),
    "complete": ('{"id": "1", "type": "complete"}', 4401),
    "unknown": ('{"type": "hello"}', 4401),
    "payload that is a text": ('{"type": "connection_init", "payload": "x"}', 4400),
    "payload that is a list": ('{"type": "connection_init", "payload": []}', 4400),
    "token that is an object": ('{"type": "connection_init", "payload": {"Authorization": {"a": 1}}}', 4403),
    "token that is a number": ('{"type": "connection_init", "payload": {"Authorization": 1}}', 4403),
    "token without scheme": ('{"type": "connection_init", "payload": {"Authorization": "x"}}', 4403),
    "forged token": ('{"type": "connection_init", "payload": {"Authorization": "Bearer a.b.c"}}', 4403),
    "null": ("null", 4400),
    "number": ("1", 4400),
    "text": ('"connection_init"', 4400),
    "array": ("[]", 4400),
    "no type": ("{}", 4400),
    "type that is a list": ('{"type": ["connection_init"]}', 4400),
    "no JSON": ("{", 4400),
    "empty": ("", 4400),
    "binary": (b'{"type": "connection_init"}', 4400),
    "deep": ("[" * 50_000 + "]" * 50_000, 4400),
    "deep payload": ('{"type": "connection_init", "payload": ' + '{"a":' * 20_000 + "1" + "}" * 20_001, 4400),
    "5,000 digits": ('{"type": "connection_init", "payload": {"a": ' + "1" * 5_000 + "}}", 4400),
    "too large": ('{"type": "connection_init", "payload": {"a": "' + "x" * 262_144 + '"}}', 1009),
}
AFTER_INIT: dict[str, tuple[str | bytes, int]] = {
    **{name: case for name, case in BEFORE_INIT.items() if case[1] in {4400, 1009} and "payload" not in name},
    "init again": ('{"type": "connection_init"}', 4429),
    "ack": ('{"type": "connection_ack"}', 4400),
    "legacy start": ('{"id": "1", "type": "start", "payload": {"query": "{ __typename }"}}', 4400),
    "no id": ('{"type": "subscribe", "payload": {"query": "{ __typename }"}}', 4400),
    "id that is an object": ('{"id": {"a": 1}, "type": "subscribe", "payload": {"query": "{ __typename }"}}', 4400),
    "id that is a number": ('{"id": 1, "type": "subscribe", "payload": {"query": "{ __typename }"}}', 4400),
    "id that is empty": ('{"id": "", "type": "subscribe", "payload": {"query": "{ __typename }"}}', 4400),
    "id without end": ('{"id": "%s", "type": "complete"}' % ("x" * 129), 4400),
}


async def test_what_is_not_of_the_protocol_closes_with_its_code(porchlight: Porchlight) -> None:
    """Each by the code that the protocol has for it, and none by 1006, which a fault would give."""
    found = {}
    with capture_logs() as events:
        for init, cases in ((False, BEFORE_INIT), (True, AFTER_INIT)):
            for name, (message, _) in cases.items():
                async with porchlight.connect(init=init) as connection:
                    await connection.raw.send(message)
                    found[name, init] = (await connection.closed())[0]
    expected = {(name, False): code for name, (_, code) in BEFORE_INIT.items()}
    assert found == expected | {(name, True): code for name, (_, code) in AFTER_INIT.items()}
    assert [event for event in events if event["log_level"] == "error"] == []
    await all_let_go(porchlight)


async def test_who_says_nothing_is_shut_out(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """4408 after the time for `connection_init`; pings do not prolong it."""
    monkeypatch.setattr("web.sockets.connection.INIT_TIMEOUT", 0.1)
    async with porchlight.connect(init=False) as connection:
        await connection.send(type="ping")
        assert await connection.closed() == (4408, "Connection initialisation timeout")
    async with porchlight.connect() as connection:
        await asyncio.sleep(0.15)
        await still_serves(connection)


async def test_the_viewer_comes_with_init_or_with_the_handshake(porchlight: Porchlight) -> None:
    """The payload goes before the header; no token is an anonymous connection, an invalid one none at all."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    me = "{ me { email } }"
    header = {"Authorization": f"Bearer {ada.access_token}"}
    for token, headers, expected in (
        (None, {}, None),
        (ada.access_token, {}, {"email": ada.email}),
        (None, header, {"email": ada.email}),
        (grace.access_token, header, {"email": grace.email}),
    ):
        async with porchlight.connect(token=token, additional_headers=headers) as connection:
            await connection.subscribe(me)
            assert await connection.next() == {"data": {"me": expected}}
    async with porchlight.connect(init=False, additional_headers={"Authorization": "Bearer x"}) as connection:
        await connection.send(type="connection_init")
        assert await connection.closed() == (4403, "Forbidden")
    await porchlight.clock.advance(timedelta(minutes=10))
    async with porchlight.connect(init=False) as connection:
        await connection.send(type="connection_init", payload=header)
        assert await connection.closed() == (4403, "Forbidden")


# ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────

BAD_OPERATIONS: dict[str, tuple[Any, str]] = {
    "syntax": ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    "validation": ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
    "unknown name": ({"query": "query A { __typename }", "operationName": "B"}, "GRAPHQL_VALIDATION_FAILED"),
    "no name": ({"query": "query A { __typename } query B { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
    "no operation": ({"query": "fragment F on Query { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
    "variable": ({"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {}}, "BAD_USER_INPUT"),
    "variable of a subscription": (
        {"query": "subscription($s: Int) { trialCountdown(everySeconds: $s) { version } }", "variables": {"s": "x"}},
        "BAD_USER_INPUT",
    ),
    "payload null": (None, "BAD_USER_INPUT"),
    "payload text": ("{ __typename }", "BAD_USER_INPUT"),
    "payload list": ([], "BAD_USER_INPUT"),
    "no query": ({}, "BAD_USER_INPUT"),
    "query number": ({"query": 1}, "BAD_USER_INPUT"),
    "variables list": ({"query": "{ __typename }", "variables": []}, "BAD_USER_INPUT"),
    "name number": ({"query": "{ __typename }", "operationName": 1}, "BAD_USER_INPUT"),
    "extensions text": ({"query": "{ __typename }", "extensions": "x"}, "BAD_USER_INPUT"),
    "persisted": ({"extensions": {"persistedQuery": {}}}, "PERSISTED_QUERY_NOT_SUPPORTED"),
    "too many fields": ({"query": "{ " + "__typename " * 200 + "}"}, "QUERY_TOO_COMPLEX"),
    "too many tokens": ({"query": "{ " + "a " * 3_000 + "}"}, "QUERY_TOO_COMPLEX"),
    "too deep": ({"query": "{ me " * 20 + "}" * 20}, "QUERY_TOO_COMPLEX"),
    "deep variables": (
        {"query": "{ __typename }", "variables": {"a": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}},
        "QUERY_TOO_COMPLEX",
    ),
    "long list": ({"query": "{ __typename }", "variables": {"a": [0] * 10_000}}, "QUERY_TOO_COMPLEX"),
    "anonymous": ({"query": COUNTDOWN}, "UNAUTHENTICATED"),
}


async def test_one_bad_operation_harms_no_other(porchlight: Porchlight) -> None:
    """Each fails by itself, with a code, while a countdown goes on; what is no operation is no reason to close."""
    person = await porchlight.register()
    found = {}
    async with porchlight.connect() as anonymous, porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, "countdown")
        assert (await connection.next())["data"]["trialCountdown"]["version"] == 1
        for name, (payload, _) in BAD_OPERATIONS.items():
            used = anonymous if name == "anonymous" else connection
            await used.send(id="bad", type="subscribe", payload=payload)
            found[name] = await codes_of(used, "bad")
        await porchlight.clock.advance(timedelta(seconds=1))
        assert (await connection.next())["data"]["trialCountdown"]["secondsLeft"] == 14 * 86_400 - 1
    assert found == {name: [code] for name, (_, code) in BAD_OPERATIONS.items()}
    await all_let_go(porchlight)


async def test_countdowns_that_cannot_begin_say_why(porchlight: Porchlight) -> None:
    """A cadence out of bounds, and a viewer who has no trial; nothing of them stays."""
    first, second = await porchlight.register("a.da@gmail.com"), await porchlight.register("ada@gmail.com")
    async with porchlight.connect(token=first.access_token) as connection:
        for seconds in (0, -1, 3_601, 2_147_483_647):
            await connection.subscribe(
                "subscription($s: Int) { trialCountdown(everySeconds: $s) { version } }", s=seconds
            )
            assert await codes_of(connection) == ["BAD_USER_INPUT"]
    async with porchlight.connect(token=second.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        assert await codes_of(connection) == ["NOT_FOUND"]
        await still_serves(connection)
    assert porchlight.app.countdown.subscribers == 0


async def test_ids_are_used_once_at_a_time(porchlight: Porchlight) -> None:
    """4409 for a second one; free again after `complete`, from either side, however long the id is."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        for _ in range(3):
            await connection.subscribe("{ __typename }")
            assert (await connection.receive())["type"] == "next"
            assert (await connection.receive())["type"] == "complete"
        for _ in range(3):
            await connection.subscribe(COUNTDOWN)
            assert (await connection.receive())["type"] == "next"
            await connection.send(id="1", type="complete")
        await connection.send(id="unknown", type="complete")
        await still_serves(connection)
        longest = "é" * 128
        await connection.subscribe(COUNTDOWN, longest)
        assert (await connection.receive())["id"] == longest
        await connection.subscribe(COUNTDOWN, longest)
        code, reason = await connection.closed()
        assert (code, reason.startswith("Subscriber for é")) == (4409, True)
    await all_let_go(porchlight)


async def test_a_completed_countdown_gives_back_what_it_had(porchlight: Porchlight) -> None:
    """Told by the client, by a closed and by a dropped connection; none is told of afterwards."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        await connection.next()
        assert porchlight.app.countdown.subscribers == 1
        await connection.send(id="1", type="complete")
        await until(lambda: porchlight.app.countdown.subscribers == 0)
        await porchlight.clock.advance(timedelta(seconds=5))
        await still_serves(connection)
        for number in range(20):
            await connection.subscribe(COUNTDOWN, str(number))
            await connection.next()
        assert porchlight.app.countdown.subscribers == 20
        connection.raw.transport.abort()
        await all_let_go(porchlight)
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        await connection.next()
    await all_let_go(porchlight)


async def test_a_socket_has_so_many_operations(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused by itself, with the seconds to wait; a free place is a place."""
    monkeypatch.setattr("web.sockets.connection.MAX_OPERATIONS", 3)
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        for number in range(3):
            await connection.subscribe(COUNTDOWN, str(number))
            await connection.next()
        await connection.subscribe("{ __typename }", "more")
        message = await connection.receive()
        assert (message["id"], message["type"]) == ("more", "error")
        assert message["payload"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 1}
        await connection.send(id="0", type="complete")
        await until(lambda: porchlight.app.countdown.subscribers == 2)
        await still_serves(connection)


async def test_rate_limits_hold_over_sockets(porchlight: Porchlight) -> None:
    """Ten sign-ins a minute from one network, over however many sockets and HTTP together; 60 countdowns."""
    person = await porchlight.register()
    wrong = {"email": "ada@example.com", "password": "not the right one"}
    kinds: list[str] = []
    for _ in range(3):
        async with porchlight.connect() as connection:
            for _ in range(3):
                await connection.subscribe(LOGIN, input=wrong)
                kinds.append((await connection.next())["data"]["login"]["__typename"])
                assert (await connection.receive())["type"] == "complete"
    kinds.append((await porchlight.ask(LOGIN, {"input": wrong}))["login"]["__typename"])
    assert kinds == ["InvalidCredentials"] * 10
    async with porchlight.connect() as connection:
        await connection.subscribe(LOGIN, input=wrong)
        payload = await connection.next()
        assert payload["data"] == {"login": None}
        assert payload["errors"][0]["extensions"].keys() == {"code", "retryAfter"}
    async with porchlight.connect(token=person.access_token) as connection:
        for number in range(60):
            await connection.subscribe(COUNTDOWN, str(number))
            await connection.next()
        await connection.subscribe(COUNTDOWN, "61")
        assert await codes_of(connection, "61") == ["RATE_LIMITED"]


async def test_a_change_that_has_begun_is_brought_to_its_end(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client completes it, or is gone: the account is there all the same, whole."""
    hashing = SlowHashes(monkeypatch)
    for number, leave in enumerate(("complete", "abort")):
        hashing.gate.clear()
        hashing.begun.clear()
        async with porchlight.connect() as connection:
            await connection.subscribe(REGISTER, input={"email": f"ada{number}@example.com", "password": PASSWORD})
            async with asyncio.timeout(5):
                await hashing.begun.wait()
            if leave == "abort":
                connection.raw.transport.abort()
                await asyncio.sleep(0.05)
            else:
                await connection.send(id="1", type="complete")
                await still_serves(connection)
            hashing.gate.set()
            with porchlight.app.database.bound():
                await until(Trial.filter(user__email=f"ada{number}@example.com").exists)
            if leave == "complete":
                await still_serves(connection)
    with porchlight.app.database.bound():
        assert [await User.all().count(), await Session.all().count(), await Trial.all().count()] == [2, 2, 2]


async def test_each_tick_reads_rows_anew(porchlight: Porchlight) -> None:
    """What one tick has read is forgotten before the next; a tick's own scalars ask nothing."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe("subscription { trialCountdown { secondsLeft trial { endsAt } } }")
        assert (await connection.next())["data"]["trialCountdown"]["trial"] == {"endsAt": "2026-03-16T09:00:00+00:00"}
        with porchlight.app.database.bound():
            trial = await Trial.get(user_id=person.user_id)
            await Trial.filter(id=trial.id).update(ends_at=trial.ends_at + timedelta(days=1))
        await porchlight.clock.advance(timedelta(seconds=1))
        assert (await connection.next())["data"]["trialCountdown"]["trial"] == {"endsAt": "2026-03-17T09:00:00+00:00"}
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        await connection.next()
        with porchlight.counting_queries() as statements:
            for _ in range(5):
                await porchlight.clock.advance(timedelta(seconds=1))
                await connection.next()
        assert statements == []


async def test_messages_have_a_length(porchlight: Porchlight) -> None:
    """256 KiB pass; the end of a longer one is 1009."""
    async with porchlight.connect() as connection:
        message = json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }", "extensions": {}}})
        await connection.raw.send(message.replace("{}", json.dumps({"pad": "x" * 262_000}), 1))
        assert await connection.next() == TYPENAME
    async with porchlight.connect() as connection:
        await connection.raw.send(message.ljust(262_145))
        assert (await connection.closed())[0] == 1009
