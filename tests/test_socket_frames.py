"""Bytes that are no WebSocket, messages that cannot be read, clients that send too many: each harms itself alone."""

import asyncio
import logging
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.settings import Settings
from server import options
from tests.conftest import Start
from tests.porchlight import Porchlight, settings_for
from tests.services.valkey import until
from tests.test_sockets import COUNTDOWN, TYPENAME, all_let_go, codes_of, still_serves
from web.sockets import messages

MASK = b"\x01\x02\x03\x04"


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """One profile: nothing here depends on where rows live."""
    return settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")


def frame(first: int, payload: bytes = b"", *, size: bytes | None = None) -> bytes:
    """A masked frame: its first byte, and its length unless another one is claimed."""
    if size is None:
        small = len(payload) <= 125
        size = bytes([0x80 | len(payload)]) if small else b"\xfe" + len(payload).to_bytes(2)
    return bytes([first]) + size + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


TEXT, PING, CLOSE, MORE, LAST = 0x81, 0x89, 0x88, 0x00, 0x80
MALFORMED: dict[str, tuple[bytes, int]] = {
    "not masked": (b"\x81\x02{}", 1002),
    "unknown opcode": (frame(0x83), 1002),
    "unknown control opcode": (frame(0x8B), 1002),
    "compressed without leave": (frame(0xC1, b"{}"), 1002),
    "reserved bit": (frame(0x91, b"{}"), 1002),
    "continuation of nothing": (frame(LAST, b"{}"), 1002),
    "text within a text": (frame(0x01, b"{") + frame(TEXT, b"}"), 1002),
    "ping in pieces": (frame(0x09), 1002),
    "long ping": (frame(PING, b"x" * 126), 1002),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close with a code for nobody": (frame(CLOSE, (1005).to_bytes(2)), 1002),
    "text that is no UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "UTF-8 that is cut off": (frame(0x01, b"\xe2\x82") + frame(LAST, b""), 1007),
    "reason that is no UTF-8": (frame(CLOSE, (1000).to_bytes(2) + b"\xff"), 1007),
    "claims to be endless": (frame(TEXT, size=b"\xff" + (2**62).to_bytes(8)), 1009),
    "too large in pieces": (frame(0x01, b"x" * 60_000) + frame(MORE, b"x" * 60_000) * 4, 1009),
}


async def test_frames_that_are_none_end_their_own_socket(
    porchlight: Porchlight, caplog: pytest.LogCaptureFixture
) -> None:
    """By the code of RFC 6455 for it, and never by 1006, without a line of error; others tick on."""
    person = await porchlight.register()
    found = {}
    with capture_logs() as events:
        async with porchlight.connect(token=person.access_token) as other:
            await other.subscribe(COUNTDOWN)
            await other.next()
            for name, (sent, _) in MALFORMED.items():
                async with porchlight.connect() as connection:
                    connection.raw.transport.write(sent)
                    found[name] = (await connection.closed())[0]
            await porchlight.clock.advance(timedelta(seconds=1))
            assert (await other.next())["data"]["trialCountdown"]["secondsLeft"] == 14 * 86_400 - 1
    assert found == {name: code for name, (_, code) in MALFORMED.items()}
    assert [event for event in events if event["log_level"] in {"warning", "error"}] == []
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []
    await all_let_go(porchlight)


async def test_frames_may_come_in_pieces(porchlight: Porchlight) -> None:
    """Of any size, empty ones too, with pings between, and byte by byte; pongs bring back what pings have sent."""
    query = b'{"id":"1","type":"subscribe","payload":{"query":"{ __typename }"}}'
    pieces = (
        frame(0x01, query[:7])
        + frame(PING, b"between")
        + frame(MORE)
        + frame(MORE, query[7:40])
        + frame(LAST, query[40:])
    )
    async with porchlight.connect() as connection:
        connection.raw.transport.write(pieces)
        assert await connection.next() == TYPENAME
        assert (await connection.receive())["type"] == "complete"
        for byte in frame(TEXT, query):
            connection.raw.transport.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await connection.next() == TYPENAME
        assert (await connection.receive())["type"] == "complete"
        pong = await connection.raw.ping(os.urandom(125))
        await asyncio.wait_for(pong, 20)
        await still_serves(connection)


UNREADABLE = {
    "deep": '{"query": "{ __typename }", "variables": {"a": ' + "[" * 20_000 + "]" * 20_000 + "}}",
    "deep objects": '{"extensions": ' + '{"a":' * 5_000 + "1" + "}" * 5_001,
    "5,000 digits": '{"query": "{ __typename }", "variables": {"a": ' + "1" * 5_000 + "}}",
    "an exponent": '{"variables": {"a": 1e999}}',
    "half a character": '{"query": "\\ud800"}',
    "no JSON": '{"query": nothing, "a": "}\\"]"}',
    "nothing between commas": '{"variables": [1,,2]}',
}
NO_MESSAGE = {
    "brackets that do not match": '{"id": "1", "type": "subscribe", "payload": {"a": [}}',
    "an id that is none": '{"id": {"a": 1}, "type": "subscribe", "payload": {"a": 1e999}}',
    "a payload that is none": '{"id": "1", "type": "subscribe", "payload": [1e999]}',
    "another type": '{"id": "1", "type": "next", "payload": {"a": 1e999}}',
    "larger than is looked into": '{"id": "1", "type": "subscribe", "payload": {"a": [1e999, "%s"]}}' % ("x" * 65_536),
}


async def test_a_payload_that_cannot_be_read_harms_its_own_operation(porchlight: Porchlight) -> None:
    """It is refused by its id; what else the socket has open goes on. Where no id can be told, the socket ends."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, "countdown")
        await connection.next()
        for payload in UNREADABLE.values():
            await connection.raw.send(f'{{"id": "bad", "payload": {payload}, "type": "subscribe"}}')
            assert await codes_of(connection, "bad") == ["BAD_USER_INPUT"]
        await porchlight.clock.advance(timedelta(seconds=1))
        assert (await connection.next())["data"]["trialCountdown"]["secondsLeft"] == 14 * 86_400 - 1
    for message in NO_MESSAGE.values():
        async with porchlight.connect() as connection:
            await connection.raw.send(message)
            assert (await connection.closed())[0] == 4400
    await all_let_go(porchlight)


async def test_messages_are_read_at_a_pace(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many at once, the rest in time, none is lost; long ones count for several, and others do not wait."""
    monkeypatch.setattr(messages, "MESSAGES_AT_ONCE", 10)
    async with porchlight.connect() as connection, porchlight.connect() as other:
        begun = time.monotonic()
        for _ in range(40):
            await connection.send(type="ping")
        await connection.send(type="ping", payload={"long": "x" * 40_960})
        await still_serves(other)
        assert time.monotonic() - begun < 0.2
        for _ in range(41):
            assert await connection.receive() == {"type": "pong"}
        assert time.monotonic() - begun > 0.38
    pace, now = messages.Pace(), 1_000.0
    assert [round(pace.wait(size, now), 2) for size in (0, 4_095, 36_864, 0)] == [-0.09, -0.08, 0.02, 0.03]
    assert round(pace.wait(0, now + 60), 2) == -0.09


async def test_peers_are_pinged_and_the_silent_cut_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that proxies keep what is quiet, and what is gone without a word is let go: after 45 s, and 20 more."""
    served = options(Settings())
    assert (served["ws_ping_interval"], served["ws_ping_timeout"]) == (45.0, 20.0)
    quick = {**served, "ws_ping_interval": 0.1, "ws_ping_timeout": 0.3}
    monkeypatch.setattr("tests.porchlight.options", lambda _: quick)
    porchlight = await start()
    person = await porchlight.register()
    async with porchlight.connect() as answering, porchlight.connect(token=person.access_token) as silent:
        await silent.subscribe(COUNTDOWN)
        await silent.next()
        silent.raw.transport.pause_reading()
        await until(lambda: porchlight.app.countdown.subscribers == 0)
        silent.raw.transport.resume_reading()
        await still_serves(answering)
