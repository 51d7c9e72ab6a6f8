"""A crowd of countdowns, in a process of its own that asks little of the machine: `python -m benchmarks.crowd_client`.

It takes an address, a port and a file of tokens, then orders on standard input, one JSON list a line, and answers
each with a line of JSON: `["open", cadence]` for whoever has no socket, `["storm", cadence]` for all at once,
`["hurry", how many]` to 1 Hz, `["count", seconds]`, `["drop", how many]`, and `["doze", seconds]` for one who does not
read meanwhile.
"""

import asyncio
import socket
import sys
from datetime import datetime
from itertools import starmap
from pathlib import Path
from typing import Any, cast

import orjson
import uvloop

from benchmarks.countdown import allow_files
from core.clock import SystemClock

CONNECTING = 50
"""Sockets that are opened at the same time."""
PATIENCE = 120.0
HURRYING = 45.0
"""Seconds after which it goes on without those that have not subscribed anew."""
PER_ADDRESS = 20_000
"""Sockets of one source address: fewer than a machine has ports for outgoing connections."""
DOCUMENT = (
    "subscription($every: Int) { trialCountdown(everySeconds: $every) { status secondsLeft serverTime version } }"
)
LONG = " ".join(f"again{number}: endsAt" for number in range(25))
DROWSY = f"subscription {{ trialCountdown(everySeconds: 1) {{ serverTime version {LONG} }} }}"
DREAMS = 100
"""Countdowns of the one who does not read, at 1 Hz."""
WAKING = 3.0
"""Seconds in which it catches up."""
LITTLE = 4096
"""Bytes that the system takes for them."""
SHORTEST = 2
LENGTH_FOLLOWS = 126
PING, TEXT = 0x89, 0x81
MASKED = 0x80

now = SystemClock().now


class Crowd:
    """Everybody, and what they have heard since the last count: milliseconds."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.changes: list[float] = []
        self.lost = 0
        self.open = 0
        """How many of those that had to subscribe anew have done so in time."""
        self.dreams: dict[str, int] = {}

    def forget(self) -> None:
        """Begin to count anew."""
        self.ticks, self.changes = [], []


class Watcher(asyncio.Protocol):
    """One socket. Speaks no more of RFC 6455 than this server needs to be answered."""

    def __init__(self, crowd: Crowd, token: str, cadence: int) -> None:
        self._crowd = crowd
        self._token = token
        self._cadence = cadence
        self._operation = 0
        self._version = 0
        self._buffer = b""
        self._upgraded = False
        self.leaving = False
        self.watching: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        head = (
            "GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        self.transport.write(head.encode())

    def connection_lost(self, _: Exception | None) -> None:
        self._crowd.lost += not self.leaving
        if not self.watching.done():
            self.watching.set_exception(ConnectionError("A socket was closed before its first tick."))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._upgraded, self._buffer = True, rest
            self.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {self._token}"}})
        while (frame := self._next_frame()) is not None:
            self._heard(*frame)

    def pace(self, cadence: int) -> None:
        """Ask for a countdown of this cadence in place of the one before."""
        if self.watching.done():
            self.watching = asyncio.get_running_loop().create_future()
        if self._operation:
            self.say({"type": "complete", "id": str(self._operation)})
        self._operation += 1
        payload = {"query": DOCUMENT, "variables": {"every": cadence}}
        self.say({"type": "subscribe", "id": str(self._operation), "payload": payload})

    def say(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self._write(TEXT, orjson.dumps(message))

    def _write(self, kind: int, body: bytes) -> None:
        size = len(body)
        short = size < LENGTH_FOLLOWS
        length = bytes([MASKED | size]) if short else bytes([MASKED | LENGTH_FOLLOWS]) + size.to_bytes(2, "big")
        self.transport.write(bytes([kind]) + length + bytes(4) + body)

    def _next_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < SHORTEST:
            return None
        start, size = 2, buffer[1]
        if size == LENGTH_FOLLOWS:
            start, size = 4, int.from_bytes(buffer[2:4], "big")
        if len(buffer) < start + size:
            return None
        self._buffer = buffer[start + size :]
        return buffer[0], buffer[start : start + size]

    def _heard(self, kind: int, body: bytes) -> None:
        if kind == PING:
            self._write(0x8A, body)
            return
        if kind != TEXT:
            if not self.watching.done():
                self.watching.set_exception(ConnectionError(f"Frame {kind}: {body!r}"))
            return
        received = now().timestamp()
        message = orjson.loads(body)
        if message["type"] == "connection_ack":
            self.pace(self._cadence)
        elif message["type"] == "next":
            self._ticked(message["id"], message["payload"]["data"]["trialCountdown"], received)
        elif not self.watching.done():
            self.watching.set_exception(ConnectionError(body.decode()))

    def _ticked(self, _: str, tick: dict[str, Any], received: float) -> None:
        moment = datetime.fromisoformat(tick["serverTime"]).timestamp()
        if self._version == tick["version"]:
            self._crowd.ticks.append((received - int(moment)) * 1000)
        elif self._version:
            self._crowd.changes.append((received - moment) * 1000)
        self._version = tick["version"]
        if not self.watching.done():
            self.watching.set_result(None)


class Dozer(Watcher):
    """One who has many countdowns open and does not read them for a while."""

    def __init__(self, crowd: Crowd, token: str) -> None:
        super().__init__(crowd, token, 1)
        self.heard: list[tuple[str, float, float]] = []
        """Which countdown told of which moment, and when that was here."""

    def pace(self, _: int) -> None:
        for number in range(DREAMS):
            self.say({"type": "subscribe", "id": str(number), "payload": {"query": DROWSY}})

    def _ticked(self, which: str, tick: dict[str, Any], received: float) -> None:
        self.heard.append((which, datetime.fromisoformat(tick["serverTime"]).timestamp(), received))
        if len(self.heard) == DREAMS and not self.watching.done():
            self.watching.set_result(None)


async def doze(crowd: Crowd, port: int, token: str, seconds: int) -> dict[str, int]:
    """Do not read for this long.

    How many ticks were due, how many came later all the same, and milliseconds until all told of the present.
    """
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
    connection.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", port))
    _, dozer = await loop.create_connection(lambda: Dozer(crowd, token), sock=connection)
    await dozer.watching
    dozer.transport.pause_reading()
    await asyncio.sleep(seconds)
    dozer.heard.clear()
    woken = now().timestamp()
    dozer.transport.resume_reading()
    await asyncio.sleep(WAKING)
    dozer.leaving = True
    dozer.transport.abort()
    fresh: dict[str, float] = {}
    for which, moment, received in dozer.heard:
        if moment > woken - 1:
            fresh.setdefault(which, received)
    late = sum(moment <= woken - 1 for _, moment, _ in dozer.heard)
    until = max(fresh.values()) - woken if len(fresh) == DREAMS else WAKING
    return {"due": DREAMS * seconds, "late": late, "until": round(until * 1000)}


async def open_all(crowd: Crowd, port: int, tokens: list[str], cadence: int) -> list[Watcher]:
    """A socket with each token, all of which have had their first tick."""
    turns = asyncio.Semaphore(CONNECTING)
    loop = asyncio.get_running_loop()

    async def one(number: int, token: str) -> Watcher:
        async with turns, asyncio.timeout(PATIENCE):
            source = (f"127.0.0.{2 + number // PER_ADDRESS}", 0)
            _, watcher = await loop.create_connection(
                lambda: Watcher(crowd, token, cadence), "127.0.0.1", port, local_addr=source
            )
            await watcher.watching
            return watcher

    return await asyncio.gather(*starmap(one, enumerate(tokens)))


async def repaced(crowd: Crowd, watchers: list[Watcher], cadence: int) -> None:
    """Have them all subscribe anew in one moment, and wait for a while until they have."""
    for watcher in watchers:
        watcher.pace(cadence)
    done, _ = await asyncio.wait([watcher.watching for watcher in watchers], timeout=HURRYING)
    crowd.open = len(done)


async def obey(port: int, tokens: list[str]) -> None:
    """Do as told until there are no more orders."""
    crowd, watchers = Crowd(), list[Watcher]()
    while line := await asyncio.to_thread(sys.stdin.readline):
        order, number = orjson.loads(line)
        if order == "open":
            watchers += await open_all(crowd, port, tokens[len(watchers) :], number)
        elif order == "hurry":
            await repaced(crowd, watchers[:number], 1)
        elif order == "storm":
            await repaced(crowd, watchers, number)
        elif order == "drop":
            for watcher in watchers[:number]:
                watcher.leaving = True
                watcher.transport.abort()
            watchers, tokens = watchers[number:], tokens[number:] + tokens[:number]
        elif order == "doze":
            crowd.dreams = await doze(crowd, port, tokens[-1], number)
        else:
            crowd.forget()
            await asyncio.sleep(number)
        answer = {
            "ticks": crowd.ticks,
            "changes": crowd.changes,
            "lost": crowd.lost,
            "open": crowd.open,
            "dreams": crowd.dreams,
        }
        print(orjson.dumps(answer).decode(), flush=True)
    for watcher in watchers:
        watcher.leaving = True


if __name__ == "__main__":
    allow_files()
    uvloop.run(obey(int(sys.argv[1]), orjson.loads(Path(sys.argv[2]).read_bytes())))
