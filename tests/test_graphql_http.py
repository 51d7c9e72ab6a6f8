"""GraphQL over HTTP: what is asked how, and what every answer looks like."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

import web.requests
from core.settings import Settings
from engine.trusted import hash_of
from tests.conftest import Start
from tests.porchlight import REGISTER, Porchlight, settings_for
from tests.services.valkey import until
from web.requests import MAX_BODY

JSON = "application/json"
RESULT = "application/graphql-response+json"
TYPENAME = {"query": "{ __typename }"}
ANSWER = {"data": {"__typename": "Query"}}


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """One profile: nothing here depends on where rows live."""
    return settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")


def code_of(answer: httpx.Response) -> str:
    """The code of an answer that has one error."""
    errors = answer.json()["errors"]
    assert len(errors) == 1, errors
    return str(errors[0]["extensions"]["code"])


async def sent(porchlight: Porchlight, body: bytes, **headers: str) -> httpx.Response:
    """The answer to a POST of these bytes."""
    headers = {"content-type": JSON, "accept": RESULT, **headers}
    return await porchlight.http.post("/graphql", content=body, headers=headers)


async def raw(porchlight: Porchlight, request: bytes) -> bytes:
    """What the server says to these bytes until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


async def test_answers_come_in_the_media_type_that_is_asked_for(porchlight: Porchlight) -> None:
    """GraphQL's own where it is named and no less wanted than JSON, JSON for who takes anything, 406 for others."""
    expected = {
        None: JSON,
        "": JSON,
        "*/*": JSON,
        "application/*": JSON,
        JSON: JSON,
        RESULT: RESULT,
        "APPLICATION/GraphQL-Response+JSON": RESULT,
        f"{RESULT}; charset=utf-8": RESULT,
        f"{RESULT}, {JSON}": RESULT,
        f"{RESULT}, {JSON};q=0.9": RESULT,
        f"{RESULT};q=0.8, {JSON}": JSON,
        f"{RESULT};q=0, */*": JSON,
        f"{JSON};q=0, */*": RESULT,
        f"text/html, */*;q=0.1, {RESULT};q=0.5": RESULT,
        "application/*;q=0.2, text/html": JSON,
        "text/html": None,
        "text/event-stream": None,
        "*/*;q=0": None,
        "application/*;q=0, */*": None,
        f"{JSON};q=0": None,
        f"{JSON};q=nan": None,
        f"{JSON};q=-1": None,
        f"{JSON};q=": None,
        f"{JSON};q=0.000": None,
        f"{JSON};v=1": JSON,
        "garbage": None,
        ",,;;": None,
        ",".join(["text/html"] * 5_000): None,
    }
    found: dict[str | None, str | None] = {}
    del porchlight.http.headers["accept"]
    for accept in expected:
        headers = {} if accept is None else {"accept": accept}
        answer = await porchlight.http.post("/graphql", json=TYPENAME, headers=headers)
        found[accept] = answer.headers["content-type"] if answer.status_code == 200 else None
        assert answer.headers["vary"] == "Accept, Accept-Encoding"
        if answer.status_code != 200:
            assert (answer.status_code, code_of(answer)) == (406, "BAD_USER_INPUT")
    assert found == expected


BOOK = {
    "parse": ({"query": "{"}, 400, "GRAPHQL_PARSE_FAILED"),
    "validation": ({"query": "{ nope }"}, 400, "GRAPHQL_VALIDATION_FAILED"),
    "comment alone": ({"query": "# nothing"}, 400, "GRAPHQL_PARSE_FAILED"),
    "fragment alone": ({"query": "fragment F on Query { __typename }"}, 400, "GRAPHQL_VALIDATION_FAILED"),
    "several, none named": (
        {"query": "query A { __typename } query B { __typename }"},
        400,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "several, another named": (
        {"query": "query A { __typename } query B { __typename }", "operationName": "C"},
        400,
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "variable missing": ({"query": "query($id: ID!) { node(id: $id) { id } }"}, 400, "BAD_USER_INPUT"),
    "variable of another type": (
        {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": {"a": 1}}},
        400,
        "BAD_USER_INPUT",
    ),
    "too complex": ({"query": "{ " + "__typename " * 200 + "}"}, 400, "QUERY_TOO_COMPLEX"),
    "subscription": ({"query": "subscription { trialCountdown { version } }"}, 400, "BAD_USER_INPUT"),
    "executed": ({"query": "mutation { logout }"}, 200, "UNAUTHENTICATED"),
}


@pytest.mark.parametrize("media_type", [JSON, RESULT])
async def test_statuses_follow_the_media_type(porchlight: Porchlight, media_type: str) -> None:
    """GraphQL's own has 400 for what was not executed; JSON has 200, as older clients expect. `data` says the same."""
    found = {}
    for name, (members, _, _) in BOOK.items():
        answer = await porchlight.http.post("/graphql", json=members, headers={"accept": media_type})
        found[name] = answer.status_code, code_of(answer)
        assert answer.headers["content-type"] == media_type
        assert ("data" in answer.json()) == (name == "executed")
    never_executes = {"subscription"}
    assert found == {
        name: (status if media_type == RESULT or name in never_executes else 200, code)
        for name, (_, status, code) in BOOK.items()
    }


@pytest.mark.parametrize("media_type", [JSON, RESULT])
async def test_members_have_their_types(porchlight: Porchlight, media_type: str) -> None:
    """Wrong types are refused before anything runs; null is as good as absence, and unknown members pass."""
    wrong: list[dict[str, Any]] = [
        {"query": value} for value in (None, 1, True, ["{ __typename }"], {"a": 1}, "", "  \n")
    ]
    wrong += [{**TYPENAME, "variables": value} for value in ("x", 0, False, [1], "{}")]
    wrong += [{**TYPENAME, "operationName": value} for value in (0, False, ["a"], {"a": 1})]
    wrong += [{**TYPENAME, "extensions": value} for value in ("x", 0, False, [1])]
    wrong += [{}, {"qeury": "{ __typename }"}]
    for members in wrong:
        answer = await porchlight.http.post("/graphql", json=members, headers={"accept": media_type})
        assert (answer.status_code, code_of(answer), "data" in answer.json()) == (400, "BAD_USER_INPUT", False), members
    right: list[dict[str, Any]] = [{**TYPENAME, name: None} for name in ("variables", "operationName", "extensions")]
    right += [{**TYPENAME, "extensions": {"some": "value"}, "variables": {}, "operationName": "", "more": [1]}]
    right += [{"query": "query A { __typename } query B { nope: __typename }", "operationName": "A"}]
    for members in right:
        answer = await porchlight.http.post("/graphql", json=members, headers={"accept": media_type})
        assert (answer.status_code, answer.json()) == (200, ANSWER)


NO_JSON_OBJECT: dict[str, bytes] = {
    "empty": b"",
    "cut off": b'{"query": "{ __typename }"',
    "null": b"null",
    "number": b"1",
    "text": b'"x"',
    "true": b"true",
    "array": b'[{"query": "{ __typename }"}]',
    "NaN": b'{"query": "{ __typename }", "variables": {"a": NaN}}',
    "invalid UTF-8": b'{"query": "{ __typename } # \xff\xfe"}',
    "lone surrogate": b'{"query": "{ __typename } # \\ud800"}',
    "utf-16": '{"query": "{ __typename }"}'.encode("utf-16"),
    "utf-16-le": '{"query": "{ __typename }"}'.encode("utf-16-le"),
    "utf-32": '{"query": "{ __typename }"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"query": "{ __typename }"}',
    "deep arrays": b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "deep objects": b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "deep and cut off": b"[" * 1_000_000,
    "5,000 digits": b'{"query": "{ __typename }", "variables": {"a": ' + b"1" * 5_000 + b"}}",
    "beyond a double": b'{"query": "{ __typename }", "variables": {"a": 1e999}}',
    "control character": b'{"query": "{ __typename\x00 }"}',
    "two values": b"{}{}",
}


async def test_what_is_no_json_object_is_400(porchlight: Porchlight) -> None:
    """Never a 500, whatever the bytes, and the server goes on."""
    for name, body in NO_JSON_OBJECT.items():
        answer = await sent(porchlight, body)
        assert (answer.status_code, code_of(answer), answer.json().keys()) == (400, "BAD_USER_INPUT", {"errors"}), name
    assert (await sent(porchlight, b'{"query": "{ __typename }"}')).json() == ANSWER


async def test_the_last_of_two_equal_keys_counts(porchlight: Porchlight) -> None:
    """As in every JSON parser that people use."""
    assert (await sent(porchlight, b'{"query": "{ nope }", "query": "{ __typename }"}')).json() == ANSWER


async def test_deep_variables_within_json_s_limits_are_too_complex(porchlight: Porchlight) -> None:
    """1,000 levels pass the parser and are refused before anything recurses."""
    body = b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 1_000 + b"]" * 1_000 + b"}}"
    answer = await sent(porchlight, body)
    assert (answer.status_code, code_of(answer)) == (400, "QUERY_TOO_COMPLEX")


async def test_bodies_are_json_in_utf8(porchlight: Porchlight) -> None:
    """What browsers send across origins without asking first, forms and plain text, is refused."""
    expected = {
        "application/json": 200,
        "application/json; charset=utf-8": 200,
        'Application/JSON;charset="UTF-8"': 200,
        "application/json; profile=x": 200,
        "application/json; charset=utf-16": 415,
        "application/json; charset=iso-8859-1": 415,
        "application/graphql": 415,
        "text/plain": 415,
        "text/plain; application/json": 415,
        "application/x-www-form-urlencoded": 415,
        "application/jsonx": 415,
        "": 415,
    }
    found = {}
    for content_type in expected:
        answer = await sent(porchlight, b'{"query": "{ __typename }"}', **{"content-type": content_type})
        found[content_type] = answer.status_code
        assert answer.status_code == 200 or code_of(answer) == "BAD_USER_INPUT"
    assert found == expected


async def test_compressed_bodies_are_refused(porchlight: Porchlight) -> None:
    """So that no few bytes stand for many."""
    answer = await sent(porchlight, b"\x1f\x8b", **{"content-encoding": "gzip"})
    assert (answer.status_code, code_of(answer)) == (415, "BAD_USER_INPUT")
    assert (await sent(porchlight, json.dumps(TYPENAME).encode(), **{"content-encoding": "identity"})).json() == ANSWER


async def test_bodies_have_a_length(porchlight: Porchlight) -> None:
    """1 MiB passes; one byte more, or 10 MB, said or sent in chunks, is 413 with a code."""
    document = json.dumps(TYPENAME).encode()
    assert (await sent(porchlight, document.ljust(MAX_BODY))).status_code == 200
    assert (await sent(porchlight, document.ljust(MAX_BODY + 1))).status_code == 413

    async def chunks(count: int) -> AsyncGenerator[bytes]:
        yield document
        for _ in range(count):
            await asyncio.sleep(0)
            yield b" " * 65_536

    headers = {"content-type": JSON, "accept": RESULT}
    small = await porchlight.http.post("/graphql", content=chunks(3), headers=headers)
    assert small.json() == ANSWER
    large = await porchlight.http.post("/graphql", content=chunks(160), headers=headers)
    assert (large.status_code, code_of(large)) == (413, "BAD_USER_INPUT")
    assert (await raw(porchlight, head("10000000") + document)).startswith(b"HTTP/1.1 413")


def head(length: str) -> bytes:
    """The head of a POST that says how long its body is."""
    lines = [
        "POST /graphql HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Content-Type: {JSON}",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def test_lengths_that_are_none_are_refused(porchlight: Porchlight) -> None:
    """By the server or by us, but never with a 500."""
    for length in ("-1", "x", "1e3", "0x10", "²", "5, 6", "99999999999999999999999999", "9" * 5_000):
        answer = await raw(porchlight, head(length) + b'{"query": "{ __typename }"}')
        assert answer.split(b" ", 2)[1] in {b"400", b"413"}, length


async def test_a_body_that_does_not_arrive_is_408(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow clients do not hold a request open for ever."""
    monkeypatch.setattr(web.requests, "BODY_TIMEOUT", 0.05)
    answer = await raw(porchlight, head("100") + b'{"query"')
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"BAD_USER_INPUT"' in answer


async def test_a_client_that_leaves_in_the_middle_is_no_fault(porchlight: Porchlight) -> None:
    """It gets no answer, and the log has a line about it that is no error."""
    with capture_logs() as events:
        _, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
        writer.write(head("100") + b'{"query"')
        await writer.drain()
        await porchlight.post("{ __typename }")
        writer.close()
        await until(lambda: any(event["event"] == "http.client_left" for event in events))
    assert {event["log_level"] for event in events} == {"info"}


async def test_queries_may_come_in_the_address(porchlight: Porchlight) -> None:
    """With variables and extensions as JSON; the last of two equal parameters counts."""
    document = "query Q($id: ID!) { node(id: $id) { id } }"
    parameters = {"query": document, "variables": '{"id": "x"}', "operationName": "Q", "extensions": "{}"}
    answer = await porchlight.http.get("/graphql", params=parameters, headers={"accept": RESULT})
    assert (answer.status_code, answer.json()) == (200, {"data": {"node": None}})
    answer = await porchlight.http.get("/graphql?query={nope}&query={__typename}&variables=&extensions=")
    assert answer.json() == ANSWER
    head = await porchlight.http.head("/graphql", params={"query": "{ __typename }"})
    assert (head.status_code, head.content) == (200, b"")


async def test_malformed_addresses_are_400(porchlight: Porchlight) -> None:
    """Missing query, variables that are no object, deep nesting, numbers without end, bytes that are no text."""
    deep = "[" * 10_000 + "]" * 10_000
    for query in (
        "",
        "?query=",
        "?query={__typename}&variables=1",
        "?query={__typename}&variables=null",
        "?query={__typename}&variables=[]",
        "?query={__typename}&variables={",
        "?query={__typename}&variables=%ff",
        f"?query={{__typename}}&variables={deep}",
        f'?query={{__typename}}&variables={{"a":{"1" * 5_000}}}',
        "?query={__typename}&extensions=1",
    ):
        answer = await porchlight.http.get(f"/graphql{query}", headers={"accept": RESULT})
        assert (answer.status_code, code_of(answer)) == (400, "BAD_USER_INPUT"), query[:80]


async def test_addresses_and_headers_have_a_length(porchlight: Porchlight) -> None:
    """32 and 64 KiB; what is longer gets its own status and a code."""
    long = await raw(
        porchlight, b"GET /graphql?query=" + b"x" * 33_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert long.startswith(b"HTTP/1.1 414")
    assert b'"code":"BAD_USER_INPUT"' in long
    large = await porchlight.http.post("/graphql", json=TYPENAME, headers={"x-large": "x" * 100_000})
    assert (large.status_code, large.json()["code"]) == (431, "BAD_USER_INPUT")


async def test_a_head_that_never_ends_is_cut_off(porchlight: Porchlight) -> None:
    """Nobody fills the memory with headers that are never complete."""
    reader, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    taken = 0
    with suppress(ConnectionError):
        async with asyncio.timeout(20):
            while taken < 100_000_000 and not reader.at_eof():
                writer.write(b"x: " + b"y" * 60_000 + b"\r\n")
                await writer.drain()
                taken += 60_000
                await asyncio.sleep(0)
    assert taken < 100_000_000
    writer.close()
    assert (await porchlight.http.get("/healthz")).status_code == 200


async def test_no_address_changes_anything(porchlight: Porchlight) -> None:
    """A mutation in the address is 405 and tells what is allowed, with or without a token."""
    person = await porchlight.register()
    signed_in = {"authorization": f"Bearer {person.access_token}"}
    parameters = {"query": "mutation { logout }"}
    for method, headers in (("GET", {}), ("GET", signed_in), ("HEAD", {}), ("HEAD", signed_in)):
        answer = await porchlight.http.request(method, "/graphql", params=parameters, headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert method == "HEAD" or code_of(answer) == "BAD_USER_INPUT"
    named = {"query": "query A { __typename } mutation B { logout }", "operationName": "B"}
    assert (await porchlight.http.get("/graphql", params=named)).status_code == 405
    assert (await porchlight.ask("{ me { email } }", token=person.access_token))["me"]["email"] == person.email


async def test_subscriptions_do_not_run_over_http(porchlight: Porchlight) -> None:
    """The answer says where they do; 405 would promise that another method helps."""
    query = "subscription { trialCountdown { version } }"
    for answer in (
        await porchlight.http.get("/graphql", params={"query": query}),
        await porchlight.http.post("/graphql", json={"query": query}),
    ):
        assert (answer.status_code, code_of(answer)) == (400, "BAD_USER_INPUT")
        assert "WebSocket" in answer.json()["errors"][0]["message"]


async def test_other_methods_are_405(porchlight: Porchlight) -> None:
    """With the list of those that are allowed, and a code. OPTIONS asks for that list."""
    for address in ("/graphql", "/graphql/stream"):
        for method in ("PUT", "DELETE", "PATCH", "TRACE"):
            answer = await porchlight.http.request(method, address)
            assert (answer.status_code, answer.json()["code"]) == (405, "BAD_USER_INPUT")
            assert sorted(answer.headers["allow"].split(", ")) == ["GET", "HEAD", "OPTIONS", "POST"]
        answer = await porchlight.http.options(address)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_persisted_queries_are_told_to_be_unknown(porchlight: Porchlight) -> None:
    """Apollo's handshake: the client then sends the whole text, and does not ask with a hash again.

    A hash that comes with a text is the text's own: nothing that stands before us may take one for the other.
    """
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hash_of("{ __typename }")}}
    parameters = {"operationName": "Q", "extensions": json.dumps(extensions)}
    for answer in (
        await porchlight.http.get("/graphql", params=parameters),
        await porchlight.http.post("/graphql", json={"operationName": "Q", "extensions": extensions}),
        await porchlight.http.post("/graphql", json={"documentId": "anything"}),
        await porchlight.http.get("/graphql", params={"documentId": "anything"}),
    ):
        assert (answer.status_code, code_of(answer)) == (200, "PERSISTED_QUERY_NOT_SUPPORTED")
        assert answer.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
    with_text = {"query": "{ __typename }", "extensions": json.dumps(extensions)}
    assert (await porchlight.http.get("/graphql", params=with_text)).json() == ANSWER
    for persisted, right in (
        (extensions["persistedQuery"], True),
        (None, True),
        ({"sha256Hash": hash_of("{ __typename } ")}, False),
        ({"sha256Hash": 1}, False),
        ({}, False),
        ("x", False),
    ):
        members = {**TYPENAME, "extensions": {"persistedQuery": persisted}}
        answer = await porchlight.http.post("/graphql", json=members)
        assert (answer.status_code, answer.json() == ANSWER) == ((200, True) if right else (400, False)), persisted
        assert right or code_of(answer) == "BAD_USER_INPUT"


async def test_every_answer_has_its_headers(porchlight: Porchlight) -> None:
    """No sniffing, no framing, nothing kept, and an id that stands in the log."""
    post, get = porchlight.http.post, porchlight.http.get
    for answer in (
        await post("/graphql", json=TYPENAME),
        await post("/graphql", content=b"x"),
        await post("/graphql", json=TYPENAME, headers={"authorization": "Bearer x"}),
        await get("/nowhere"),
        await get("/healthz"),
        await post("/auth/register", json={}),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 16
        assert not {"server", "strict-transport-security", "permissions-policy"} & set(answer.headers)
    page = await get("/links/verify-email?token=x")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'nonce-")
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert page.headers["permissions-policy"].startswith("camera=(), ")


async def test_request_ids_are_taken_when_harmless(porchlight: Porchlight) -> None:
    """Another one is replaced: it would stand in the log."""
    for given in ("0123456789abcdef", "a.b_c-d0"):
        answer = await porchlight.http.post("/graphql", json=TYPENAME, headers={"x-request-id": given})
        assert answer.headers["x-request-id"] == given
    for given in ("short", "x" * 65, '"><script>alert(1)</script>', "${jndi:ldap://x}", "12345678\t90"):
        answer = await porchlight.http.post("/graphql", json=TYPENAME, headers={"x-request-id": given})
        assert answer.headers["x-request-id"] != given
        assert len(answer.headers["x-request-id"]) == 16


async def test_unknown_addresses_are_404_with_a_code(porchlight: Porchlight) -> None:
    """As a problem document, and never as a redirection to what the Host header says."""
    members = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not Found", "code": "NOT_FOUND"}
    for path in ("/", "/nowhere", "/graphql/", "/graphql/x", "/auth", "/.env", "//evil.example/x", "/%00", "/../x"):
        answer = await porchlight.http.get(f"{porchlight.url}{path}", headers={"host": "evil.example"})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert answer.json() == members


async def test_origins_are_allowed_by_list(start: Start) -> None:
    """A listed origin may preflight and read; a foreign one finds no header that lets it."""
    porchlight = await start(allowed_origins=("https://app.example.com",))
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}

    async def preflight(origin: str) -> httpx.Response:
        return await porchlight.http.options("/graphql", headers={**asking, "origin": origin})

    allowed = await preflight("https://app.example.com")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
    assert allowed.headers["access-control-allow-credentials"] == "true"  # for cookie mode
    read = await porchlight.http.post("/graphql", json=TYPENAME, headers={"origin": "https://app.example.com"})
    assert read.headers["access-control-allow-origin"] == "https://app.example.com"
    assert {part.strip() for part in read.headers["vary"].split(",")} == {"Accept", "Accept-Encoding", "Origin"}
    for origin in ("https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"):
        assert (await preflight(origin)).status_code == 400
        answer = await porchlight.http.post("/graphql", json=TYPENAME, headers={"origin": origin})
        for refused in (await preflight(origin), answer):
            assert "access-control-allow-origin" not in refused.headers


async def test_without_a_list_no_origin_is_allowed(porchlight: Porchlight) -> None:
    """Nothing is reflected."""
    answer = await porchlight.http.post("/graphql", json=TYPENAME, headers={"origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


SECRET_INPUT: dict[str, Any] = {
    "to include required field 'email'": {"password": "xyzzy"},
    "at .password: String cannot represent a non string value": {"email": "a", "password": ["xyzzy"]},
    "not to include unknown field 'x'": {"email": "a", "password": "xyzzy", "x": 1},
    "not to include unknown field 'emial'. Did you mean 'email'?": {"email": "a", "password": "xyzzy", "emial": 1},
    "to be an object": "xyzzy",
    "at .device: Expected value of type 'DeviceInput' to be an object": {
        "email": "a",
        "password": "",
        "device": "xyzzy",
    },
}


async def test_errors_do_not_repeat_the_input(porchlight: Porchlight) -> None:
    """Clients log what errors say: a password is no part of it, in variables or in the document."""
    for message, given in SECRET_INPUT.items():
        (error,) = (await porchlight.post(REGISTER, {"input": given})).json()["errors"]
        assert error["message"].endswith(message)
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    for literal in (
        '{password: "xyzzy"}',
        '{email: "a", password: ["xyzzy"]}',
        '"xyzzy"',
        '{email: "a", password: {a: "xyzzy"}}',
    ):
        answer = await porchlight.post(f"mutation {{ register(input: {literal}) {{ __typename }} }}")
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
        assert "xyzzy" not in answer.text


PUBLIC = {"/.well-known/jwks.json": "public, max-age=300"}


async def test_nothing_is_kept_that_does_not_say_so(porchlight: Porchlight) -> None:
    """Every answer says who may keep it, and that is nobody but for public keys: pages, refusals and probes too."""
    person = await porchlight.register()
    paths = [
        "/graphql?query={__typename}", "/graphql?query={me{email}}", "/graphql", "/graphql/stream", "/healthz",
        "/readyz", "/metrics", "/.well-known/jwks.json", "/dev/outbox", "/links/verify-email", "/links/nothing",
        "/exports/x", "/unsubscribe", "/webhooks/stripe", "/webhooks/mail", "/auth/register", "/nowhere",
    ]  # fmt: skip
    found = {}
    for path in paths:
        for accept in ("*/*", "text/html"):
            for headers in ({}, {"authorization": f"Bearer {person.access_token}"}):
                answer = await porchlight.http.get(path, headers={"accept": accept, **headers})
                found[path, accept, answer.status_code] = answer.headers.get("cache-control")
    kept = {path: control for (path, _, _), control in found.items() if control != "no-store"}
    assert kept == PUBLIC
