"""Rate limits: how often a key may try something. An exact log of the tries that counted, on real time."""

import asyncio
import hashlib
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

import structlog

KEYS = 100_000

log = structlog.get_logger(__name__)


@runtime_checkable
class Limits(Protocol):
    """Counts tries. Each (key, window) is a log of its own, so that a key may have a short and a long limit."""

    async def hit(self, key: str, *, limit: int, window: float) -> float:
        """Count one try: 0.0 when it is within `limit` tries in any `window` seconds, else the seconds to wait.

        A refused try is not counted. A vendor that is lost is no error: see `degraded`.
        """
        ...

    async def close(self) -> None:
        """Give back what is open. Nothing is hit afterwards."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether this process counts alone for now, so that each process allows the whole limit."""
        ...


def open_limits(url: str) -> Limits:
    """The variant that `url` names: `memory://`, `redis://…` or `rediss://…` (over TLS)."""
    match urlsplit(url).scheme:
        case "memory":
            return MemoryLimits()
        case "redis" | "rediss":
            return RedisLimits(url)
        case scheme:
            raise ValueError(f"Limits are kept by memory:// or redis://, not by {scheme!r}.")


class MemoryLimits:
    """Counts in this process.

    At most `keys` logs are kept. One too many drops a log that has expired or, when none has, the one whose last
    counted try is the longest ago: that key then starts anew. Each counted try also drops up to two logs of its window
    that have expired, so that memory shrinks again after a flood.
    """

    degraded = False

    def __init__(self, *, keys: int = KEYS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._monotonic = monotonic
        # For each window the logs by key, ordered by their last try: the first of them is the first to expire.
        self._windows: dict[float, OrderedDict[str, deque[float]]] = {}

    async def hit(self, key: str, *, limit: int, window: float) -> float:
        _check(limit, window)
        now = self._monotonic()
        logs = self._windows.setdefault(window, OrderedDict())
        tries = logs.get(key)
        if tries is None or tries.maxlen != limit:
            tries = deque(tries or (), maxlen=limit)
        if len(tries) == limit and tries[0] + window > now:
            return tries[0] + window - now
        tries.append(now)  # a full log lets its oldest try go
        logs[key] = tries
        logs.move_to_end(key)
        self._tidy(window, now)
        return 0.0

    def take_back(self, key: str, *, window: float) -> None:
        """Forget the last try of a key, which somebody else refused."""
        tries = self._windows[window].get(key)
        if tries:
            tries.pop()
            if not tries:
                del self._windows[window][key]

    async def close(self) -> None:
        self._windows.clear()

    def __len__(self) -> int:
        return sum(map(len, self._windows.values()))

    def _tidy(self, window: float, now: float) -> None:
        logs = self._windows[window]
        for _ in range(2):
            if _last_try(logs) + window <= now:
                logs.popitem(last=False)
        while len(self) > self._keys:
            oldest = [(_last_try(logs), window) for window, logs in self._windows.items() if logs]
            expired = [(last, window) for last, window in oldest if last + window <= now]
            self._windows[min(expired or oldest)[1]].popitem(last=False)


def _last_try(logs: OrderedDict[str, deque[float]]) -> float:
    return next(iter(logs.values()))[-1]


def _check(limit: int, window: float) -> None:
    if limit < 1 or not 0 < window < math.inf:
        raise ValueError("A limit is at least one try, its window a positive number of seconds.")


# One atomic step, on the server's clock in microseconds. The list holds the tries that counted, the newest first.
# A try from the future, left by a clock that was set back, refuses nobody. Keys expire on milliseconds that are rounded
# down: one more keeps the log for all of its window.
_HIT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local oldest = tonumber(redis.call('LINDEX', KEYS[1], limit - 1) or 0)
if oldest + window > now and oldest <= now then
  return oldest + window - now
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], 0, limit - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000) + 1)
return 0
"""


class RedisLimits:
    """Counts in Redis for all processes, and in this process alone while Redis is lost.

    Redis counts as lost when a call fails or takes longer than `deadline` seconds. It is then left alone for
    `cool_down` seconds; the next call tries it again while the others go on in memory. What passes here is held in
    memory too, and memory is asked first: whatever becomes of Redis, one process never lets more than the limit pass.
    """

    def __init__(self, url: str, *, deadline: float = 0.25, cool_down: float = 1.0) -> None:
        # Its import takes a quarter of a second, which only those who use Redis should pay.
        from redis.asyncio import BlockingConnectionPool, Redis  # ruff: ignore[import-outside-top-level] -- as said
        from redis.asyncio.retry import Retry  # ruff: ignore[import-outside-top-level] -- as said
        from redis.backoff import NoBackoff  # ruff: ignore[import-outside-top-level] -- as said
        from redis.exceptions import RedisError  # ruff: ignore[import-outside-top-level] -- as said

        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=16,
            timeout=deadline,
            socket_timeout=None,  # redis-py would use asyncio.wait_for, which can swallow a cancellation on Python 3.11
            socket_connect_timeout=deadline,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._redis = Redis.from_pool(pool)
        self._hit = self._redis.register_script(_HIT)
        self._faults = (RedisError, OSError)
        self._deadline = deadline
        self._cool_down = cool_down
        self._here = MemoryLimits()
        self._degraded = False
        self._retry_at = 0.0

    @property
    def degraded(self) -> bool:
        return self._degraded

    async def hit(self, key: str, *, limit: int, window: float) -> float:
        wait_here = await self._here.hit(key, limit=limit, window=window)
        if wait_here > 0 or (self._degraded and time.monotonic() < self._retry_at):
            return wait_here
        self._retry_at = time.monotonic() + self._cool_down
        try:
            async with asyncio.timeout(self._deadline):
                wait = await self._hit(keys=[_name(key, window)], args=[limit, round(window * 1e6)])
        except self._faults as fault:
            self._lost(fault)
            return wait_here
        self._found()
        if int(wait) > 0:
            self._here.take_back(key, window=window)
        return int(wait) / 1e6

    async def close(self) -> None:
        await self._redis.aclose()

    def _lost(self, fault: Exception) -> None:
        self._retry_at = time.monotonic() + self._cool_down
        if not self._degraded:
            self._degraded = True
            log.warning("limits.degraded", fault=repr(fault))

    def _found(self) -> None:
        if self._degraded:
            self._degraded = False
            log.info("limits.recovered")


def _name(key: str, window: float) -> str:
    """A name of bounded length that shows nobody's address."""
    return f"porchlight:limit:{window:g}:{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"
