"""HTTP/1.1 on the wire: what is ambiguous is refused, what never ends is cut off, an answer is one write."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import httptools
import pytest
from starlette.requests import Request

from core.settings import Settings
from tests.porchlight import Porchlight, settings_for
from web.headers import IndexedRequest
from web.http_protocol import JOINED, WISHES, JoinedWrites

BODY = b'{"query": "{ __typename }"}'
CHUNKED = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
ANSWER = b'{"data":{"__typename":"Query"}}'


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """One profile: nothing here depends on where rows live."""
    return settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")


def post(*lines: str, body: bytes = BODY, target: str = "/graphql", version: str = "1.1") -> bytes:
    """A request with these header lines."""
    head = "\r\n".join([f"POST {target} HTTP/{version}", "content-type: application/json", *lines, "", ""])
    return head.encode("latin-1") + body


def length(body: bytes = BODY) -> str:
    return f"content-length: {len(body)}"


async def said(porchlight: Porchlight, request: bytes) -> bytes:
    """All that the server says to these bytes; it closes the connection, or the request asks it to."""
    reader, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
    writer.write(request)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


REFUSED: dict[str, bytes] = {
    "a length and chunks": post("host: x", length(), "transfer-encoding: chunked", body=CHUNKED + b"\r\n"),
    "chunks and a length": post("host: x", "transfer-encoding: chunked", length(), body=CHUNKED + b"\r\n"),
    "two lengths": post("host: x", length(), "content-length: 1"),
    "two equal lengths": post("host: x", length(), length()),
    "an encoding that is none": post("host: x", "transfer-encoding: chunked, what", body=CHUNKED + b"\r\n"),
    "a hidden encoding": post("host: x", "transfer-encoding : chunked", body=CHUNKED + b"\r\n"),
    "a chunk without a size": post("host: x", "transfer-encoding: chunked", body=b"z\r\n" + BODY),
    "lines without a return": post("host: x", length()).replace(b"\r\n", b"\n"),
    "a folded header": post("host: x", length(), "x-a: b", " c"),
    "a header with a zero": post("host: x", length(), "x-a: b\0c"),
    "no host": post(length()),
    "two hosts": post("host: x", "host: y", length()),
    "an address of other letters": post("host: x", length(), target="/gr\xe4phql"),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a version that is none": post("host: x", length(), version="1.x"),
    "a method that is none": post("host: x", length()).replace(b"POST", b"FOO"),
    "a method in small letters": post("host: x", length()).replace(b"POST", b"post"),
    "the beginning of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n",
    "a tunnel of thousands of headers": b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n%s\r\n" % (b"h:\r\n" * 15_000),
    "a tunnel to a socket": b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
}


@pytest.fixture
def parsers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every parser that is made from now on: each connection has one, and each reading again takes another."""
    made: list[Any] = []
    parser = httptools.HttpRequestParser

    def make(protocol: Any) -> Any:
        made.append(parser(protocol))
        return made[-1]

    monkeypatch.setattr(httptools, "HttpRequestParser", make)
    return made


async def test_what_is_ambiguous_is_refused(porchlight: Porchlight, parsers: list[Any]) -> None:
    """No two servers in a row may read a request in two ways; the connection ends, and nothing has run."""
    for name, request in REFUSED.items():
        parsers.clear()
        answer = await said(porchlight, request)
        assert len(parsers) == 1, name
        assert answer.startswith(b"HTTP/1.1 400 "), (name, answer)
        assert answer.count(b"HTTP/1.1") == 1, name
        assert b"Query" not in answer, name


async def test_what_is_sound_is_answered(porchlight: Porchlight) -> None:
    """Chunks, a body bit by bit, HTTP/1.0 without a host, two requests at once, a wish for HTTP/2 that nobody hears."""
    end = "connection: close"
    for request in (
        post("host: x", end, "transfer-encoding: chunked", body=CHUNKED + b"\r\n"),
        post(length(), version="1.0"),
        post("host: x", length(), "connection: Upgrade, HTTP2-Settings, close", "upgrade: h2c", "http2-settings: AAM"),
        post(
            "host: x",
            "connection: Upgrade, close",
            "upgrade: h2c",
            "transfer-encoding: chunked",
            body=CHUNKED + b"\r\n",
        ),
        post("host: x", end, length(), target="http://x/graphql"),
        post(length(), "connection: upgrade", "upgrade: h2c", version="1.0"),
    ):
        answer = await said(porchlight, request)
        assert (answer[:15], answer.endswith(ANSWER)) == (b"HTTP/1.1 200 OK", True), (request, answer)
    both = await said(porchlight, post("host: x", length()) + post("host: x", end, length()))
    assert both.count(ANSWER) == both.count(b"HTTP/1.1 200 OK") == 2
    reader, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
    for byte in post("host: x", end, length()):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert (await reader.read()).endswith(ANSWER)
    writer.close()


async def test_wishes_are_heard_once_each(porchlight: Porchlight, parsers: list[Any]) -> None:
    """Requests in one piece that wish for HTTP/2 are answered in turn, in their own version, up to a bound."""
    wish = post("host: x", length(), "connection: upgrade", "upgrade: h2c", "upgrade: h2c")
    last = post(length(), "connection: upgrade", "upgrade: h2c", version="1.0")
    answer = await said(porchlight, wish * (WISHES - 2) + last)
    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(ANSWER) == WISHES - 1
    assert answer.endswith(ANSWER)
    assert len(parsers) == WISHES
    assert (await said(porchlight, wish * WISHES)).count(b"HTTP/1.1 400 ") == 1


HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n%s\r\n"
)


async def test_a_handshake_that_cannot_be_read_is_answered(porchlight: Porchlight) -> None:
    """A socket opens, or its client is told why it does not: nobody is left waiting, nor holds a connection."""
    for address, lines, status in (
        (b"/graphql?" + b"a" * 9_000, b"", b"414"),
        (b"/graphql", b"x-a: %s\r\n" % (b"a" * 9_000), b"431"),
        (b"/graphql", b"x-a: b\r\n" * 300, b"431"),
        (b"/graphql", b"content-length: 4\r\n", b"400"),
        (b"/graphql", b"transfer-encoding: chunked\r\n", b"400"),
    ):
        answer = await said(porchlight, HANDSHAKE % (address, lines))
        assert (answer[:13], answer.count(b"HTTP/1.1 ")) == (b"HTTP/1.1 " + status + b" ", 1), answer
    reader, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
    writer.write(HANDSHAKE % (b"/graphql", b""))
    assert (await reader.readline()).startswith(b"HTTP/1.1 101 ")
    writer.close()


async def test_what_follows_a_body_is_no_header(porchlight: Porchlight) -> None:
    """A trailer makes nobody another viewer, nor another client."""
    person = await porchlight.register()
    body = b'{"query": "{ me { email } }"}'
    trailer = b"%x\r\n%s\r\n0\r\nauthorization: Bearer %s\r\n\r\n" % (len(body), body, person.access_token.encode())
    answer = await said(porchlight, post("host: x", "connection: close", "transfer-encoding: chunked", body=trailer))
    assert answer.endswith(b'{"data":{"me":null}}')


@pytest.mark.parametrize("beginning", [b"", b"GET /healthz HTTP/1.1\r\nx: ", post("host: x", "te: trailers")[:-27]])
async def test_what_never_ends_is_cut_off(porchlight: Porchlight, beginning: bytes) -> None:
    """An address, a header, and what follows a body: none of them fills the memory."""
    reader, writer = await asyncio.open_connection("127.0.0.1", porchlight.port)
    if b"te: trailers" in beginning:
        beginning = post("host: x", "transfer-encoding: chunked", body=CHUNKED + b"x: ")
    writer.write(beginning or b"GET /")
    taken = 0
    with suppress(ConnectionError):
        async with asyncio.timeout(20):
            while taken < 100_000_000 and not reader.at_eof():
                writer.write(b"y" * 60_000)
                await writer.drain()
                taken += 60_000
                await asyncio.sleep(0)
    assert taken < 100_000_000
    writer.close()
    assert (await porchlight.http.get("/healthz")).status_code == 200


class Wire:
    """A transport that remembers what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0


async def test_what_is_written_in_one_step_is_sent_at_once() -> None:
    """In order, and before the connection is closed or handed on; what is large does not wait."""
    wire, loop = Wire(), asyncio.get_running_loop()
    joined = JoinedWrites(cast("Any", wire), loop)
    joined.write(b"head")
    joined.write(b"body")
    assert (wire.written, joined.is_closing()) == ([], False)
    await asyncio.sleep(0)
    assert wire.written == [b"headbody"]
    joined.write(b"a" * JOINED)
    joined.write(b"b")
    assert wire.written[1:] == [b"a" * JOINED + b"b"]
    joined.write(b"last")
    assert joined.alone() is cast("Any", wire)
    joined.write(b"words")
    joined.close()
    await asyncio.sleep(0)
    assert (wire.written[2:], wire.closed) == ([b"last", b"words"], True)
    joined.write(b"to nobody")
    await asyncio.sleep(0)
    assert wire.written[4:] == []


def test_headers_are_those_that_starlette_finds() -> None:
    """In any case, the first of two with one name, and whatever stands for one that is missing."""
    raw = [(b"accept", b"a"), (b"accept", b"b"), (b"x-name", "J\xf6rg".encode("latin-1"))]
    theirs, ours = Request({"type": "http", "headers": raw}), IndexedRequest({"type": "http", "headers": raw})
    assert ours.headers is ours.headers
    for name in ("accept", "ACCEPT", "X-Name", "missing"):
        assert ours.headers.get(name) == theirs.headers.get(name)
        assert ours.headers.get(name, "else") == theirs.headers.get(name, "else")
        assert (name in ours.headers) == (name in theirs.headers)
    assert ours.headers["x-NAME"] == theirs.headers["x-NAME"] == "J\xf6rg"
    assert ours.headers.getlist("accept") == ["a", "b"]
    assert cast("Any", 1) not in ours.headers
    with pytest.raises(KeyError):
        ours.headers["missing"]
