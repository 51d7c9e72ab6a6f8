"""Clients that take their time: each holds a connection for as long as is said here, and nobody else up."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
import websockets

from tests.porchlight import Porchlight
from tests.probes.attacker import Attacker
from tests.probes.test_sockets import OPENS, frame
from tests.services.valkey import until

HEAD = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-type: %s\r\n"
JSON, FORM = b"application/json", b"application/x-www-form-urlencoded"
LENGTH = b"content-length: 100000\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
ENDS_LATE: dict[str, tuple[bytes, bytes, bytes]] = {
    # Nothing, or a request of which a part is missing, without another byte.
    "silence": (b"", b"", b""),
    "an address without end": (b"GET /", b"", b"HTTP/1.1 408"),
    "headers without end": (b"GET / HTTP/1.1\r\nhost: x\r\n", b"", b"HTTP/1.1 408"),
    "no body": (HEAD % (b"/graphql", JSON) + b"connection: close\r\n" + LENGTH, b"", b"HTTP/1.1 408"),
    # The same, a byte at a time.
    "line breaks, one by one": (b"", b"\r\n", b""),
    "an address, byte by byte": (b"GET /", b"x", b"HTTP/1.1 408"),
    "headers, byte by byte": (b"GET / HTTP/1.1\r\nhost: x\r\n", b"x: y\r\n", b"HTTP/1.1 408"),
    "a body, byte by byte": (HEAD % (b"/graphql", JSON) + LENGTH, b" ", b"HTTP/1.1 408"),
    "chunks, one by one": (HEAD % (b"/graphql", JSON) + CHUNKED, b"1\r\n \r\n", b"HTTP/1.1 408"),
    "a registration, byte by byte": (HEAD % (b"/auth/register", JSON) + LENGTH, b" ", b"HTTP/1.1 408"),
    "an event, byte by byte": (HEAD % (b"/webhooks/stripe", JSON) + LENGTH, b" ", b"HTTP/1.1 408"),
    "a form, byte by byte": (HEAD % (b"/links/appeal", FORM) + LENGTH, b"a", b"HTTP/1.1 408"),
    "one click, byte by byte": (HEAD % (b"/links/unsubscribe", FORM) + CHUNKED, b"1\r\na\r\n", b"HTTP/1.1 408"),
    # What is answered before it has arrived.
    "a body that nobody reads": (HEAD % (b"/nowhere", JSON) + LENGTH, b" ", b"HTTP/1.1 404"),
    "a body that is refused": (HEAD % (b"/graphql", b"text/plain") + LENGTH, b" ", b"HTTP/1.1 415"),
    "a second request, byte by byte": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", b"G", b"HTTP/1.1 200"),
    "line breaks after a request": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n", b"HTTP/1.1 200"),
    "a handshake, byte by byte": (b"GET /graphql HTTP/1.1\r\nupgrade: websocket\r\n", b"x: y\r\n", b"HTTP/1.1 408"),
}


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- each test would wait for minutes
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second where ten to thirty would be."""
    for name in (
        "web.http_protocol.SENDING_TIMEOUT",
        "web.http_protocol.TAKING_TIMEOUT",
        "web.requests.BODY_TIMEOUT",
        "web.uploads.UPLOAD_TIMEOUT",
        "web.sockets.connection.INIT_TIMEOUT",
        "web.sockets.connection.CLOSE_TIMEOUT",
    ):
        monkeypatch.setattr(name, 0.5)


async def _ends(port: int, beginning: bytes, drop: bytes) -> bytes:
    """What a client that drips is told before its connection ends, which it is within 5 s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(beginning)

    async def drip() -> None:
        with suppress(ConnectionError):
            while drop:
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    said = b""
    try:
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                while part := await reader.read(65_536):
                    said += part
    except TimeoutError:
        return b"stays open"
    finally:
        dripping.cancel()
        writer.close()
    return said


async def test_nobody_sends_for_ever(site: Porchlight) -> None:
    """Whatever is missing, and however it trickles in: the connection ends, with a status where one helps."""
    said = await asyncio.gather(*(_ends(site.port, first, drop) for first, drop, _ in ENDS_LATE.values()))
    found = dict(zip(ENDS_LATE, (answer[:12] for answer in said), strict=True))
    assert found == {name: status for name, (_, _, status) in ENDS_LATE.items()}
    assert b'"code":"BAD_USER_INPUT"' in dict(zip(ENDS_LATE, said, strict=True))["headers without end"]
    assert (await site.http.get("/healthz")).status_code == 200


async def test_a_file_does_not_arrive_for_ever(site: Porchlight) -> None:
    """A multipart body has its own time, and a code when that is over."""
    person = await site.register()
    head = HEAD % (b"/graphql", b"multipart/form-data; boundary=b")
    head += b"graphql-require-preflight: 1\r\nauthorization: Bearer " + person.access_token.encode() + b"\r\n" + LENGTH
    said = await _ends(site.port, head, b"\r\n")
    assert said.startswith(b"HTTP/1.1 408")
    assert b'"code":"BAD_USER_INPUT"' in said


@asynccontextmanager
async def _deaf(port: int) -> AsyncGenerator[socket.socket]:
    """A connection whose client takes 4 kB and no more."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.setblocking(False)  # ruff: ignore[boolean-positional-value-in-call] -- it takes no name
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        yield connection


async def test_nobody_is_waited_for_who_does_not_read(site: Porchlight, events: list[MutableMapping[str, Any]]) -> None:
    """Who asks for much and takes nothing is cut off, whether it waits with us or we have closed already."""
    loop = asyncio.get_running_loop()
    async with _deaf(site.port) as connection:
        await loop.sock_sendall(connection, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n" * 300)
        await until(lambda: any(event["event"] == "http.cut_off" for event in events), within=20)
    assert (await site.http.get("/healthz")).status_code == 200


async def test_a_socket_that_does_not_read_is_let_go(attacker: Attacker) -> None:
    """When its session ends, its connection does too, though its last bytes are taken by nobody."""
    loop, site = asyncio.get_running_loop(), attacker.porchlight
    answer = " ".join(f"{'a' * 600}{number}: __typename" for number in range(30))
    said = [
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {attacker.person.access_token}"}},
        *({"id": str(number), "type": "subscribe", "payload": {"query": f"{{ {answer} }}"}} for number in range(20)),
    ]
    async with _deaf(site.port) as connection:
        await loop.sock_sendall(connection, OPENS)
        assert (await loop.sock_recv(connection, 1_000)).startswith(b"HTTP/1.1 101")
        for message in said:
            content = json.dumps(message).encode()
            length = b"\xfe" + len(content).to_bytes(2, "big")
            await loop.sock_sendall(connection, frame(0x81, content, length=length))
        await until(lambda: site.app.metrics.registry.get_sample_value("porchlight_sockets") == 1)
        await asyncio.sleep(0.5)
        await site.ask("mutation { logout }", token=attacker.person.access_token)
        await until(lambda: not _connected(site.port, connection.getsockname()[1]), within=10)
    await until(lambda: site.app.metrics.registry.get_sample_value("porchlight_sockets") == 0)


def _connected(port: int, peer: int) -> bool:
    """Whether the server holds this connection: what the system alone still wants to send is nobody's."""
    held = psutil.Process().net_connections("tcp4")
    return any(one.raddr and (one.laddr.port, one.raddr.port) == (port, peer) for one in held)


async def test_a_socket_says_who_it_is_in_time(site: Porchlight) -> None:
    """One that only pings does not; its connection ends with 4408, and that of one who has said it does not end."""
    async with site.connect(init=False) as connection:
        with suppress(websockets.ConnectionClosed):
            for _ in range(100):
                await connection.send(type="ping")
                await connection.receive()
                await asyncio.sleep(0.05)
        assert await connection.closed() == (4408, "Connection initialisation timeout")
    async with site.connect() as connection:
        await asyncio.sleep(1)
        await connection.subscribe("{ __typename }")
        assert await connection.next() == {"data": {"__typename": "Query"}}
