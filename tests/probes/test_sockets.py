"""Sockets: handshakes, frames and messages that nobody sends with good intentions."""

import asyncio
import os
from contextlib import AsyncExitStack

from tests.probes.attacker import Attacker
from web.sockets.connection import MAX_OPERATIONS

HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: %s\r\n"
    b"sec-websocket-key: %s\r\nsec-websocket-protocol: graphql-transport-ws\r\n%s\r\n"
)
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
OPENS = HANDSHAKE % (b"/graphql", b"13", KEY, b"")
SHAKES: dict[str, tuple[bytes, bytes]] = {
    "another address": (HANDSHAKE % (b"/nowhere", b"13", KEY, b""), b"403"),
    "an address for downloads": (HANDSHAKE % (b"/exports/a", b"13", KEY, b""), b"403"),
    "an old version": (HANDSHAKE % (b"/graphql", b"8", KEY, b""), b"400"),
    "no key": (HANDSHAKE % (b"/graphql", b"13", b"", b""), b"400"),
    "a short key": (HANDSHAKE % (b"/graphql", b"13", b"YQ==", b""), b"400"),
    "another site": (HANDSHAKE % (b"/graphql", b"13", KEY, b"origin: https://evil.example\r\n"), b"403"),
    "no site": (HANDSHAKE % (b"/graphql", b"13", KEY, b"origin: null\r\n"), b"403"),
    "two sites": (
        HANDSHAKE
        % (b"/graphql", b"13", KEY, b"origin: https://porchlight.example\r\norigin: https://evil.example\r\n"),
        b"400",
    ),
}


def frame(first: int, content: bytes, *, masked: bool = True, length: bytes | None = None) -> bytes:
    """A frame of RFC 6455, right or wrong."""
    size = length or (bytes([len(content) | (128 if masked else 0)]))
    return bytes([first]) + size + (b"\0\0\0\0" if masked else b"") + content


FRAMES: dict[str, tuple[bytes, int]] = {
    "a frame that is not masked": (frame(0x81, b"{}", masked=False), 1002),
    "bits that nobody agreed on": (frame(0xF1, b"{}"), 1002),
    "a compressed frame": (frame(0xC1, b"{}"), 1002),
    "a kind of one's own": (frame(0x83, b"{}"), 1002),
    "a ping in parts": (frame(0x09, b""), 1002),
    "a ping of 126": (frame(0x89, b"a" * 126, length=b"\xfe\0\x7e"), 1002),
    "a continuation of nothing": (frame(0x80, b"{}"), 1002),
    "a text within a text": (frame(0x01, b"{") + frame(0x81, b"}"), 1002),
    "no UTF-8": (frame(0x81, b"\xff\xfe"), 1007),
    "a length beyond lengths": (frame(0x81, b"", length=b"\xff" + b"\xff" * 8), 1009),
    "5 GB": (frame(0x81, b"", length=b"\xff\0\0\0\x01\x40\0\0\0"), 1009),
    "a text in parts without end": (frame(0x01, b"a" * 125) + frame(0x00, b"a" * 125) * 2_200, 1009),
    "an end with half a code": (frame(0x88, b"\x03"), 1002),
    "an end with a code of nobody": (frame(0x88, b"\0\x01"), 1002),
}


async def test_no_handshake_is_a_way_in(attacker: Attacker) -> None:
    """Each is refused by its status, and none is left waiting."""
    found = {}
    for name, (request, _) in SHAKES.items():
        found[name] = (await attacker.raw(request)).split(b" ")[1]
    assert found == {name: status for name, (_, status) in SHAKES.items()}


async def test_no_frame_harms_anybody_else(attacker: Attacker) -> None:
    """Each ends its own connection, with the code that the protocol has for it."""
    found = {}
    for name, (sent, _) in FRAMES.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", attacker.porchlight.port)
        writer.write(OPENS)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(sent)
        async with asyncio.timeout(5):
            said = await reader.read(4)
        found[name] = int.from_bytes(said[2:4], "big") if said[:1] == b"\x88" else said
        writer.close()
    assert found == {name: code for name, (_, code) in FRAMES.items()}


async def test_a_flood_of_messages_is_its_sender_s_alone(attacker: Attacker) -> None:
    """Pings, operations that come and go, bodies of noise: others are answered meanwhile, and it is in the end."""
    site = attacker.porchlight
    async with site.connect() as flooding, site.connect() as other:

        async def flood() -> None:
            for number in range(50):
                await flooding.send(type="ping")
                await flooding.subscribe("{ __typename }", str(number))
                await flooding.send(id=str(number), type="complete")

        async def drain() -> None:
            pongs = 0
            while pongs < 50:
                pongs += (await flooding.receive())["type"] == "pong"

        async with asyncio.TaskGroup() as group:
            group.create_task(flood())
            group.create_task(drain())
            for _ in range(5):
                await other.subscribe("{ __typename }")
                assert await other.next() == {"data": {"__typename": "Query"}}
                assert (await other.receive())["type"] == "complete"


async def test_a_socket_has_so_many_operations_and_a_person_so_many_countdowns(attacker: Attacker) -> None:
    """What is beyond is refused by itself, over however many sockets."""
    countdown = "subscription { trialCountdown { version } }"
    site, token = attacker.porchlight, attacker.person.access_token
    told: list[str] = []
    async with AsyncExitStack() as stack:
        for _ in range(3):
            connection = await stack.enter_async_context(site.connect(token=token))
            for number in range(MAX_OPERATIONS // 3):
                await connection.subscribe(countdown, str(number))
                message = await connection.receive()
                told.append(
                    message["type"] if message["type"] == "next" else message["payload"][0]["extensions"]["code"]
                )
    assert set(told) == {"next", "RATE_LIMITED"}
    assert told.count("next") == 60


async def test_noise_is_no_message(attacker: Attacker) -> None:
    """Bytes at random, as text and as they are: 4400, 1007, and never 1006 or 1011."""
    codes = set()
    for number in range(20):
        async with attacker.porchlight.connect() as connection:
            noise = os.urandom(200)
            await connection.raw.send(noise if number % 2 else noise.decode("latin-1"))
            codes.add((await connection.closed())[0])
    assert codes == {4400}
