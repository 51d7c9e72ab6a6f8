"""Many countdowns at once, followed by a process of its own: `python -m benchmarks.countdown ADDRESS FOLDER SECONDS`.

It reads `tokens.json` in the folder, prints `watching` once all are subscribed, and leaves `followed.json` at the end.
"""

import asyncio
import resource
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson
import uvloop
import websockets
from websockets.typing import Subprotocol

from benchmarks.operations import COUNTDOWN
from core.clock import SystemClock

CONNECTING = 50
"""Sockets that are opened at the same time."""
FILES = 16_384
"""Files that are enough for what `make bench` does."""
PATIENCE = 30.0


Tick = tuple[int, float]
"""The full second that a tick stands for, and when it was here."""


@dataclass(frozen=True)
class Followed:
    """`lags` are milliseconds from the full second that a tick stands for until it was here."""

    seconds: int
    lags: list[float]


async def follow(url: str, tokens: list[str], seconds: int) -> Followed:
    """Subscribe with each token, then count the ticks of that many full seconds."""
    turns = asyncio.Semaphore(CONNECTING)
    ticks: list[Tick] = []
    async with AsyncExitStack() as stack:
        opening = [_subscribed(url, token, turns, stack, ticks) for token in tokens]
        readers = await asyncio.gather(*opening)
        print("watching", flush=True)
        now = SystemClock().now
        first = int(now().timestamp()) + 1
        await asyncio.sleep(first + seconds - now().timestamp())
        lost = sum(reader.done() for reader in readers)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    if lost:
        raise RuntimeError(f"{lost} sockets ended early.")
    return Followed(seconds, [(received - second) * 1000 for second, received in ticks if second >= first])


async def _subscribed(
    url: str, token: str, turns: asyncio.Semaphore, stack: AsyncExitStack, ticks: list[Tick]
) -> asyncio.Task[None]:
    """The reader of a socket that has had its first tick, which comes at once."""
    async with turns, asyncio.timeout(PATIENCE):
        socket = await stack.enter_async_context(
            websockets.connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], open_timeout=PATIENCE)
        )
        hello = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        await socket.send(orjson.dumps(hello).decode())
        await socket.recv()
        payload = {"query": COUNTDOWN}
        await socket.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())
        await socket.recv()
        return asyncio.create_task(_read(socket, ticks))


async def _read(socket: websockets.ClientConnection, ticks: list[Tick]) -> None:
    now = SystemClock().now
    async for message in socket:
        received = now().timestamp()
        tick = orjson.loads(message)["payload"]["data"]["trialCountdown"]
        ticks.append((int(datetime.fromisoformat(tick["serverTime"]).timestamp()), received))


def main(url: str, folder: str, seconds: str) -> None:
    """Follow, with room for a socket each."""
    allow_files()
    tokens = orjson.loads(Path(folder, "tokens.json").read_bytes())
    followed = uvloop.run(follow(url, tokens, int(seconds)))
    Path(folder, "followed.json").write_bytes(orjson.dumps(asdict(followed)))


def allow_files(files: int = FILES) -> None:
    """Let this process and those that it starts open enough files, where the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main(*sys.argv[1:])
