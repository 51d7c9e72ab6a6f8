"""Limits that all processes share, in Redis."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from adapters.limits.memory import MemoryLimits
from adapters.limits.port import Allowance, Counted

Script = Callable[..., Awaitable[Any]]

KNOWN_FOR = 60.0
"""Seconds for which a fault is told. Where nobody was limited for longer, nobody knows whether Redis is back."""

log = structlog.get_logger(__name__)

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

# The same for several keys: first all are asked, then all are written, or none.
_COUNT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait = 0
local answer = {}
for place, key in ipairs(KEYS) do
  local limit, window, free, pause, longest = unpack(ARGV, place * 5 - 4, place * 5)
  local before, newest, oldest = 0, 0, 0
  for _, text in ipairs(redis.call('LRANGE', key, 0, limit - 1)) do
    local try = tonumber(text)
    if try <= now and try + window > now then
      if before == 0 then newest = try end
      oldest = try
      before = before + 1
    end
  end
  if before >= tonumber(limit) then wait = math.max(wait, oldest + window - now) end
  if tonumber(pause) > 0 and before >= math.max(1, tonumber(free)) then
    wait = math.max(wait, newest + math.min(longest, pause * 2 ^ (before - free)) - now)
  end
  answer[place] = before
end
if wait == 0 then
  for place, key in ipairs(KEYS) do
    redis.call('LPUSH', key, string.format('%.0f', now))
    redis.call('LTRIM', key, 0, ARGV[place * 5 - 4] - 1)
    redis.call('PEXPIRE', key, math.ceil(ARGV[place * 5 - 3] / 1000) + 1)
  end
end
return {wait, answer}
"""

_TAKE_BACK = """
for _, key in ipairs(KEYS) do redis.call('LPOP', key) end
"""

_FORGET = """
redis.call('DEL', unpack(KEYS))
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
        self._count = self._redis.register_script(_COUNT)
        self._take_back = self._redis.register_script(_TAKE_BACK)
        self._forget = self._redis.register_script(_FORGET)
        self._faults = (RedisError, OSError)
        self._deadline = deadline
        self._cool_down = cool_down
        self._here = MemoryLimits()
        self._degraded = False
        self._retry_at = 0.0

    @property
    def degraded(self) -> bool:
        return self._degraded and time.monotonic() < self._retry_at + KNOWN_FOR

    async def hit(self, key: str, *, limit: int, window: float) -> float:
        wait_here = await self._here.hit(key, limit=limit, window=window)
        if wait_here > 0:
            return wait_here
        wait = await self._asked(self._hit, [_name(key, window)], [limit, round(window * 1e6)])
        if wait is None:
            return wait_here
        if int(wait) > 0:
            self._here.take_back_one(key, window=window)
        return int(wait) / 1e6

    async def count(self, allowances: Mapping[str, Allowance]) -> Counted:
        terms = [term for each in allowances.values() for term in _terms(each)]
        answer = await self._asked(self._count, _names(allowances), terms)
        if answer is None:
            return await self._here.count(allowances)
        counted = Counted(int(answer[0]) / 1e6, tuple(map(int, answer[1])))
        self._here.mirror(allowances, counted)
        return counted

    async def take_back(self, allowances: Mapping[str, Allowance]) -> None:
        await self._here.take_back(allowances)
        await self._asked(self._take_back, _names(allowances))

    async def forget(self, allowances: Mapping[str, Allowance]) -> None:
        await self._here.forget(allowances)
        await self._asked(self._forget, _names(allowances))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _asked(
        self, script: Callable[..., Awaitable[Any]], keys: list[str], args: list[float] | None = None
    ) -> Any:
        """What a script answers; None while Redis is lost, which only one call a cool-down finds out anew."""
        if self._degraded and time.monotonic() < self._retry_at:
            return None
        self._retry_at = time.monotonic() + self._cool_down
        try:
            async with asyncio.timeout(self._deadline):
                answer = await script(keys=keys, args=args)
        except self._faults as fault:
            self._lost(fault)
            return None
        self._found()
        return answer

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


def _names(allowances: Mapping[str, Allowance]) -> list[str]:
    return [_name(key, each.window) for key, each in allowances.items()]


def _terms(each: Allowance) -> list[float]:
    seconds = (each.pause, each.longest)
    return [each.limit, round(each.window * 1e6), each.free, *(round(time * 1e6) for time in seconds)]
