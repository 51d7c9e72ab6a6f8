"""The bus of several processes."""

import asyncio
import random
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from adapters.bus.memory import MemoryBus
from adapters.bus.port import Listener, Resync

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

PREFIX = "porchlight:bus:"
APART = 10.0
"""Seconds between two times at which listeners read again because others have lost messages."""
LOST = "bus.lost"
"""The channel on which a process says that the others may have missed something of it."""
WIRE = re.compile(r"([0-9a-f]{16}):(.*)", re.DOTALL)  # who published, what

log = structlog.get_logger(__name__)


class RedisBus:
    """Tells the listeners of all processes, through Redis's pub/sub.

    One connection hears every channel by a pattern, so that a listener hears from the moment it subscribes, without a
    round trip; the price is that each process reads all messages, which are ids. It reconnects for ever, and is asked
    for a sign of life after `idle` seconds of silence. A second connection publishes, in order: a message that takes
    longer than `deadline` seconds is lost, and then Redis is left alone for `cool_down` seconds. The others are told as
    soon as they can be that something was: who hears well does not know of it.
    """

    def __init__(
        self,
        url: str,
        *,
        deadline: float = 0.25,
        cool_down: float = 1.0,
        idle: float = 15.0,
        backoff: tuple[float, float] = (0.1, 5.0),
        jitter: Callable[[], float] = random.random,  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- no secret
    ) -> None:
        self._redis, self._faults = _connect(url, deadline)
        self._deadline = deadline
        self._cool_down = cool_down
        self._idle = idle
        self._backoff, self._longest_backoff = backoff
        self._jitter = jitter
        self._me = secrets.token_hex(8)
        self._local = MemoryBus()
        self._reader: asyncio.Task[None] | None = None
        self._confessing: asyncio.Task[None] | None = None
        self._resyncing: asyncio.TimerHandle | None = None
        self._resynced_at = -APART
        self._hears = asyncio.Event()
        self._missed = False
        self._tells = True
        self._retry_at = 0.0
        self._unpublished = 0

    @property
    def degraded(self) -> bool:
        return not (self._hears.is_set() and self._tells)

    @property
    def dropped(self) -> int:
        return self._unpublished + self._local.dropped

    async def open(self) -> None:
        self._reader = asyncio.create_task(self._read())
        try:
            async with asyncio.timeout(self._deadline):
                await self._hears.wait()
        except TimeoutError:
            self._missed = True  # what is published from here on until Redis is heard

    async def close(self) -> None:
        if self._resyncing:
            self._resyncing.cancel()
        tasks = [task for task in (self._reader, self._confessing) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._local.close()
        await self._redis.aclose()

    def subscribe(self, channel: str, listener: Listener, *, resync: Resync | None = None) -> Callable[[], None]:
        return self._local.subscribe(channel, listener, resync=resync)

    async def publish(self, channel: str, message: str) -> None:
        self._local.tell(channel, message)
        if not self._tells and time.monotonic() < self._retry_at:
            self._unpublished += 1
            return
        self._retry_at = time.monotonic() + self._cool_down
        try:
            async with asyncio.timeout(self._deadline):
                await self._redis.publish(PREFIX + channel, f"{self._me}:{message}")
        except self._faults as fault:
            self._retry_at = time.monotonic() + self._cool_down
            self._cannot_tell(repr(fault))
            self._lose()
        except asyncio.CancelledError:  # who was to tell is gone: nobody knows whether it has arrived
            self._lose()
            raise
        else:
            self._can_tell()

    def _cannot_tell(self, fault: str) -> None:
        if self._tells:
            self._tells = False
            log.warning("bus.cannot_tell", fault=fault)

    def _lose(self) -> None:
        self._unpublished += 1
        if self._confessing is None or self._confessing.done():
            self._confessing = asyncio.create_task(self._confess())

    def _can_tell(self) -> None:
        if not self._tells:
            self._tells = True
            log.info("bus.can_tell", dropped=self.dropped)

    async def _confess(self) -> None:
        """Tell the others that messages were lost, once all that were are before it."""
        known = -1
        while known != self._unpublished:
            await asyncio.sleep(self._cool_down)
            lost = self._unpublished
            with suppress(*self._faults):
                async with asyncio.timeout(self._deadline):
                    await self._redis.publish(PREFIX + LOST, f"{self._me}:")
                known = lost
                self._can_tell()

    async def _read(self) -> None:
        pause = self._backoff
        while True:
            try:
                await self._hear()
            except Exception as fault:  # ruff: ignore[blind-except] -- the reader outlives whatever ends a connection
                pause = self._backoff if self._hears.is_set() else min(2 * pause, self._longest_backoff)
                self._cannot_hear(fault)
            await asyncio.sleep(pause * (0.5 + self._jitter() / 2))

    async def _hear(self) -> None:
        async with self._redis.pubsub() as connection:
            async with asyncio.timeout(self._deadline):
                await connection.psubscribe(f"{PREFIX}*")
            while True:
                reply = await self._next(connection)
                if reply["type"] == "pmessage":
                    self._deliver(reply["channel"], reply["data"])
                else:  # the subscription stands, or the answer to a ping
                    self._can_hear()

    async def _next(self, connection: "PubSub") -> dict[str, Any]:
        reply: dict[str, Any] | None = await connection.get_message(timeout=self._idle)
        while reply is None:
            async with asyncio.timeout(self._deadline):
                await connection.ping()
                reply = await connection.get_message(timeout=None)
        return reply

    def _deliver(self, name: bytes, data: bytes) -> None:
        told = _parse(data)
        if told is None:
            log.warning("bus.malformed", channel=repr(name), size=len(data))
            return
        sender, message = told
        channel = name.decode(errors="replace").removeprefix(PREFIX)
        if sender == self._me:  # what this process published, its listeners know already
            return
        if channel != LOST:
            self._local.tell(channel, message)
        elif self._resyncing is None:  # many say so after one loss, and not all should read at the same moment
            wait = max(self._cool_down * (1 + self._jitter()), self._resynced_at + APART - time.monotonic())
            self._resyncing = asyncio.get_running_loop().call_later(wait, self._resync)

    def _resync(self) -> None:
        self._resyncing = None
        self._resynced_at = time.monotonic()
        self._local.resync()

    def _can_hear(self) -> None:
        self._can_tell()
        if not self._hears.is_set():
            self._hears.set()
            log.info("bus.can_hear")
        if self._missed:
            self._missed = False
            self._local.resync()

    def _cannot_hear(self, fault: Exception) -> None:
        self._missed = True
        if self._hears.is_set():
            self._hears.clear()
            log.warning("bus.cannot_hear", fault=repr(fault))


def _connect(url: str, deadline: float) -> tuple["Redis", tuple[type[Exception], ...]]:
    """A client that connects when it is used, and what it raises when Redis is lost."""
    # Its import takes a quarter of a second, which only those who use Redis should pay.
    from redis.asyncio import BlockingConnectionPool, Redis  # ruff: ignore[import-outside-top-level] -- as said
    from redis.asyncio.retry import Retry  # ruff: ignore[import-outside-top-level] -- as said
    from redis.backoff import NoBackoff  # ruff: ignore[import-outside-top-level] -- as said
    from redis.exceptions import RedisError  # ruff: ignore[import-outside-top-level] -- as said

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=2,
        timeout=deadline,
        socket_timeout=None,  # redis-py would use asyncio.wait_for, which can swallow a cancellation on Python 3.11
        socket_connect_timeout=deadline,
        retry=Retry(NoBackoff(), 0),  # a second try could tell a message twice
        protocol=2,
    )
    return Redis.from_pool(pool), (RedisError, OSError)


def _parse(data: bytes) -> tuple[str, str] | None:
    """Who published and what, or None for what no bus has published."""
    try:
        parts = WIRE.fullmatch(data.decode())
    except UnicodeDecodeError:
        return None
    return (parts[1], parts[2]) if parts else None
