"""A crowd of countdowns: `python -m benchmarks.crowd [PEOPLE]`, ten thousand unless told otherwise.

The server is the real program in a process of its own, on PostgreSQL and Valkey; this process is the clients, whose
sockets are real ones over loopback. Processor time is the server's own, so that a busy machine does not change it much.
"""

import argparse
import asyncio
import gc
import logging
import re
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import orjson
import uvloop
import websockets
from websockets.typing import Subprotocol

from benchmarks.countdown import allow_files
from benchmarks.crowd_parts import parts
from benchmarks.figures import percentile
from benchmarks.processes import Process, Profile, porchlight, production
from benchmarks.seeding import seed
from core.clock import SystemClock
from core.logging import configure_logging
from models.trials import Trial
from server import COLLECTED_AFTER
from services.app import App, open_app
from services.trials.countdown import CHANNEL

PEOPLE = 10_000
CONNECTING = 50
SUBSCRIBING = 10
CHANGES_A_SECOND = 5
CALM = 30
"""Seconds of a measurement at one tick in thirty seconds: each socket has its turn."""
BUSY = 15
"""Seconds of the measurement at a tick a second."""
SETTLED = 5.0
PATIENCE = 60.0
QUERY = "subscription($every: Int) { trialCountdown(everySeconds: $every) { status secondsLeft serverTime version } }"


@dataclass
class Crowd:
    """The clients. `lags` are milliseconds from the moment that a tick stands for until it was here."""

    sockets: list[websockets.ClientConnection] = field(default_factory=list)
    readers: list[asyncio.Task[None]] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    first: dict[str, asyncio.Event] = field(default_factory=dict)

    async def join(self, url: str, tokens: list[str]) -> None:
        """Open a socket for each token."""
        turns = asyncio.Semaphore(CONNECTING)
        self.sockets = await asyncio.gather(*(_connected(url, token, turns) for token in tokens))
        self.readers = [asyncio.create_task(self._read(socket)) for socket in self.sockets]

    async def subscribe(self, every: int) -> None:
        """Ask for this cadence instead of another; so many at a time as the server takes in."""
        turns = asyncio.Semaphore(SUBSCRIBING)
        await asyncio.gather(*(self._ask(number, every, turns) for number in range(len(self.sockets))))

    async def _ask(self, number: int, every: int, turns: asyncio.Semaphore) -> None:
        socket = self.sockets[number]
        payload = {"query": QUERY, "variables": {"every": every}}
        async with turns, asyncio.timeout(PATIENCE):
            first = self.first[f"{number}-{every}"] = asyncio.Event()
            await _say(socket, {"type": "complete", "id": self.ids.get(number, "none")})
            self.ids[number] = f"{number}-{every}"
            await _say(socket, {"type": "subscribe", "id": self.ids[number], "payload": payload})
            await first.wait()

    def vanish(self, count: int) -> None:
        """Cut this many off, without a farewell."""
        for socket in self.sockets[:count]:
            socket.transport.abort()

    async def _read(self, socket: websockets.ClientConnection) -> None:
        now = SystemClock().now
        with suppress(websockets.ConnectionClosed):
            async for message in socket:
                here = now().timestamp()
                answer = orjson.loads(message)
                if answer["type"] == "next":
                    self.first[answer["id"]].set()
                    moment = datetime.fromisoformat(answer["payload"]["data"]["trialCountdown"]["serverTime"])
                    self.lags.append((here - moment.timestamp()) * 1000)


async def _connected(url: str, token: str, turns: asyncio.Semaphore) -> websockets.ClientConnection:
    async with turns, asyncio.timeout(PATIENCE):
        socket = await websockets.connect(
            url, subprotocols=[Subprotocol("graphql-transport-ws")], open_timeout=PATIENCE, ping_interval=None
        )
        await _say(socket, {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        await socket.recv()
        return socket


async def _say(socket: websockets.ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(orjson.dumps(message).decode())


@asynccontextmanager
async def changing(app: App, people: int) -> AsyncGenerator[None, None]:
    """Change trials all the while, as another process would: the row, then the word of it."""
    task = asyncio.create_task(_change(app, people))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _change(app: App, people: int) -> None:
    with app.database.bound():
        turn = 0
        while True:
            await asyncio.sleep(1 / CHANGES_A_SECOND)
            turn = (turn + 7919) % people
            trial = await Trial.get(user_id=turn + 1)
            await Trial.filter(id=trial.id).update(version=trial.version + 1)
            await app.bus.publish(CHANNEL, str(trial.id))


async def measure(title: str, crowd: Crowd, server: Process, seconds: int) -> None:
    """Print what this many seconds cost the server, and how late ticks were."""
    crowd.lags.clear()
    began, cpu, own = time.monotonic(), server.cpu_seconds(), time.process_time()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    assert cpu is not None
    share = (_cpu(server) - cpu) / passed
    lags = list(crowd.lags)
    print(
        f"{title:34} {share:6.1%} of a core, {len(lags) / passed:7,.0f} ticks/s, lag p50 "
        f"{percentile(lags, 0.5):,.0f} ms, p99 {percentile(lags, 0.99):,.0f} ms "
        f"(clients {(time.process_time() - own) / passed:.0%} of a core)",
        flush=True,
    )


def _cpu(server: Process) -> float:
    seconds = server.cpu_seconds()
    assert seconds is not None
    return seconds


def held(server: Process) -> str:
    """What the server says it holds, and the memory that it takes."""
    text = httpx.get(f"{server.url}/metrics", timeout=PATIENCE).text
    gauges = re.findall(r"^porchlight_(sockets|countdowns) (\S+)$", text, re.MULTILINE)
    return ", ".join([*(f"{name} {float(value):,.0f}" for name, value in gauges), f"{_rss(server) / 2**20:,.0f} MiB"])


def _rss(server: Process) -> int:
    memory = server.memory()
    assert memory is not None
    return memory


async def run(server: Process, app: App, tokens: list[str]) -> None:
    """All measurements of real sockets, one after another."""
    await asyncio.sleep(SETTLED)
    people, before = len(tokens), _rss(server)
    crowd = Crowd()
    began = time.monotonic()
    await crowd.join(server.url.replace("http", "ws") + "/graphql", tokens)
    print(f"{people:,} sockets in {time.monotonic() - began:.0f} s: {held(server)}", flush=True)
    await measure("real sockets, nothing subscribed", crowd, server, CALM // 2)
    await crowd.subscribe(30)
    print(f"subscribed: {held(server)}; {(_rss(server) - before) / people / 1024:.1f} KiB each", flush=True)
    async with changing(app, people):
        for turn in range(2):
            await measure(f"real sockets, each 30 s (run {turn + 1})", crowd, server, CALM)
    await crowd.subscribe(1)
    await asyncio.sleep(SETTLED)
    await measure("real sockets, each second", crowd, server, BUSY)
    print(f"before the abrupt closes: {held(server)}", flush=True)
    crowd.vanish(people // 2)
    await asyncio.sleep(SETTLED)
    print(f"after {people // 2:,} abrupt closes: {held(server)}", flush=True)
    crowd.vanish(people)
    await asyncio.sleep(SETTLED)
    print(f"after all: {held(server)}", flush=True)


async def against(profile: Profile, people: int) -> None:
    """Seed, measure the parts in this process, then the server."""
    async with open_app(profile.settings) as app:
        with app.database.bound():
            seeded = await seed(app, people=people, items=10)
        await parts(app)
        loop = asyncio.get_running_loop()
        context = porchlight(profile)
        server = await loop.run_in_executor(None, context.__enter__)
        try:
            await run(server, app, seeded.tokens)
        finally:
            await loop.run_in_executor(None, context.__exit__, None, None, None)


def main() -> int:
    """Measure and print; nothing is written."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("people", nargs="?", type=int, default=PEOPLE)
    people = parser.parse_args().people
    configure_logging("warning", "console")
    logging.getLogger("websockets").setLevel(logging.ERROR)
    gc.set_threshold(*COLLECTED_AFTER)
    allow_files(2 * people)
    print(f"{SystemClock().now():%Y-%m-%d %H:%M} UTC")
    with production() as profile:
        uvloop.run(against(profile, people))
    return 0


if __name__ == "__main__":
    sys.exit(main())
