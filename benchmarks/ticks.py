"""`python -m benchmarks.ticks [--people 500]`: the loop's processor time for a tick, without the system's share.

Countdowns of an app in this process, over sockets whose server writes nowhere. The least of many turns of the wheel is
what a busy machine does not spoil.
"""

import argparse
import asyncio
import gc
import logging
import sys
import time
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import orjson
import uvloop
from starlette.types import Message
from starlette.websockets import WebSocket

from adapters.database.migrating import migrate
from benchmarks import processes, report
from benchmarks.crowd_client import DOCUMENT
from benchmarks.seeding import seed
from core.logging import configure_logging
from resolvers.root import build_schema
from services.app import App, assemble, opened
from web.runtime import Runtime
from web.sockets import Sockets
from web.sockets.protocol import WRITING
from web.watch import Watch

TURNS = 40
SCOPE = {"type": "websocket", "headers": [], "subprotocols": ["graphql-transport-ws"], "client": ("127.0.0.1", 1)}


@dataclass
class Heard:
    """How many ticks have come to everybody."""

    ticks: int = 0


class Watcher:
    """One who follows their countdown at 1 Hz, by way of ASGI."""

    def __init__(self, token: str, heard: Heard) -> None:
        self._heard = heard
        self._said = iter(({"type": "websocket.connect"}, *map(_text, _messages(token))))

    async def receive(self) -> Message:
        """What is said at first, and then nothing more."""
        message = next(self._said, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    async def send(self, message: Message) -> None:
        """Count a tick."""
        self._heard.ticks += '"next"' in message.get("text", "")

    def write(self, _: bytes) -> bool:
        """Count one that comes without ASGI."""
        self._heard.ticks += 1
        return True

    @property
    def websocket(self) -> WebSocket:
        """As a server would have it."""
        return WebSocket({**SCOPE, "extensions": {WRITING: {"write": self.write}}}, self.receive, self.send)


def _messages(token: str) -> list[object]:
    payload = {"query": DOCUMENT, "variables": {"every": 1}}
    return [
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}},
        {"type": "subscribe", "id": "1", "payload": payload},
    ]


def _text(message: object) -> Message:
    return {"type": "websocket.receive", "text": orjson.dumps(message).decode()}


async def measure(people: int) -> list[float]:
    """Microseconds for each tick, in each turn of the wheel."""
    with processes.embedded() as profile:
        await migrate(profile.database_url)
        app = assemble(profile.settings)
        async with opened(app):
            return await _followed(app, people)


async def _followed(app: App, people: int) -> list[float]:
    sockets = Sockets(Runtime(app, build_schema()), Watch(app))
    heard, tokens = Heard(), (await seed(app, people=people, items=20)).tokens
    with app.database.bound():
        serving = [asyncio.create_task(sockets.serve(Watcher(token, heard).websocket)) for token in tokens]
    await _until(heard, people)
    for task in app.countdown._tasks:  # ruff: ignore[private-member-access] -- the wheel is turned by hand
        task.cancel()
    gc.collect()
    gc.disable()
    took = [await _turn(app, heard, number, people) for number in range(1, TURNS + 1)]
    gc.enable()
    for task in serving:
        task.cancel()
    await asyncio.wait(serving)
    return took


async def _turn(app: App, heard: Heard, number: int, people: int) -> float:
    wanted = heard.ticks + people
    began = time.thread_time()
    app.countdown._advance(app.clock.now() + timedelta(seconds=number))  # ruff: ignore[private-member-access] -- as above
    await _until(heard, wanted)
    return (time.thread_time() - began) / people * 1e6


async def _until(heard: Heard, ticks: int) -> None:
    while heard.ticks < ticks:  # ruff: ignore[async-busy-wait] -- nobody tells of it
        await asyncio.sleep(0)


def main() -> int:
    """0 when it was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ticks", description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    people = parser.parse_args().people
    configure_logging("error", "console")
    logging.getLogger("tortoise.db_client").propagate = False
    took = uvloop.run(measure(people))
    print(f"{report.machine()}; load {report.system_load()}")
    print(f"{people:,} countdowns: {min(took):.1f} us a tick at least, {np.median(took):.1f} us in the median")
    return 0


if __name__ == "__main__":
    sys.exit(main())
