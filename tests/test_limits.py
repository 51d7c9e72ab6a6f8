import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from adapters.limits import Allowance, Counted, Limits, MemoryLimits, RedisLimits, open_limits
from tests.services.valkey import RestartableValkey, until

PATIENCE = 5.0  # a busy machine must not look like a lost Redis


@pytest.fixture(params=["memory", "redis"])
async def limits(request: pytest.FixtureRequest) -> AsyncIterator[Limits]:
    memory = request.param == "memory"
    opened = MemoryLimits() if memory else RedisLimits(request.getfixturevalue("redis_url"), deadline=PATIENCE)
    yield opened
    await opened.close()


@pytest.fixture
def key() -> str:
    """A key of this test alone."""
    return f"login:{uuid4()}"


class Ticks:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def passes(limits: Limits, key: str, *, limit: int, window: float = 60) -> bool:
    """Try once."""
    return not await limits.hit(key, limit=limit, window=window)


# The contract: every variant keeps it.


def test_variant_meets_the_port(limits: Limits) -> None:
    """Each variant has what the Protocol names, and starts undegraded."""
    assert isinstance(limits, Limits)
    assert limits.degraded is False


async def test_tries_within_the_limit_pass(limits: Limits, key: str) -> None:
    """As many tries as the limit says pass, the next is told how long to wait."""
    assert [await limits.hit(key, limit=3, window=60) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert 50 < await limits.hit(key, limit=3, window=60) <= 60


async def test_waiting_as_told_lets_the_next_try_pass(limits: Limits, key: str) -> None:
    """The answer is exact: after that many seconds, and not before, one more try passes."""
    start = time.monotonic()
    assert await passes(limits, key, limit=1, window=0.3)
    wait = await limits.hit(key, limit=1, window=0.3)
    assert 0 < wait <= 0.3
    await asyncio.sleep(wait)
    await until(lambda: passes(limits, key, limit=1, window=0.3), within=1)
    assert time.monotonic() - start >= 0.3 - 0.002  # the servers' clock counts in other ticks


async def test_window_slides(limits: Limits, key: str) -> None:
    """No window of the given length, wherever it begins, holds more counted tries than the limit."""
    counted = []
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        before = time.monotonic()
        if await passes(limits, key, limit=4, window=0.2):
            counted.append((before, time.monotonic()))
        await asyncio.sleep(0.005)
    assert len(counted) > 8
    assert all(later[1] - first[0] >= 0.2 - 0.002 for first, later in zip(counted, counted[4:], strict=False))


async def test_refused_try_is_not_counted(limits: Limits, key: str) -> None:
    """Somebody who keeps knocking does not wait longer for it."""
    await limits.hit(key, limit=1, window=60)
    waits = [await limits.hit(key, limit=1, window=60) for _ in range(20)]
    assert waits == sorted(waits, reverse=True)


async def test_keys_and_windows_are_counted_apart(limits: Limits, key: str) -> None:
    """A key may have a short and a long limit, and knows nothing of other keys."""
    assert await passes(limits, key, limit=1, window=60)
    assert await passes(limits, key, limit=1, window=3600)
    assert await passes(limits, f"{key}:other", limit=1, window=60)
    assert await limits.hit(key, limit=1, window=60) > 0
    assert await limits.hit(key, limit=1, window=3600) > 60


async def test_limit_may_change_between_tries(limits: Limits, key: str) -> None:
    """A deployment that raises or lowers a limit keeps the tries that were counted."""
    assert [await limits.hit(key, limit=2, window=60) for _ in range(2)] == [0.0, 0.0]
    assert await passes(limits, key, limit=3, window=60)
    assert await limits.hit(key, limit=2, window=60) > 0
    assert await passes(limits, key, limit=4, window=60)
    assert await limits.hit(key, limit=1, window=60) > 0


async def test_any_text_is_a_key(limits: Limits) -> None:
    """Keys hold what clients send: nothing, anything, half of a surrogate pair."""
    for text in ("", "a\0b\r\nc", "\ud800", "x" * 10_000, "{tag}*?"):
        unique = f"{text}{uuid4()}"
        assert await passes(limits, unique, limit=1, window=60)
        assert await limits.hit(unique, limit=1, window=60) > 0


@pytest.mark.parametrize(("limit", "window"), [(0, 60), (-1, 60), (1, 0), (1, -1), (1, float("inf"))])
async def test_limit_without_sense_is_refused(limits: Limits, key: str, limit: int, window: float) -> None:
    """A limit of nothing or a window of no time is the caller's mistake."""
    with pytest.raises(ValueError, match="at least one try"):
        await limits.hit(key, limit=limit, window=window)


async def test_parallel_tries_share_the_limit(limits: Limits, key: str) -> None:
    """Of 200 tries at once exactly 20 pass."""
    answers = await asyncio.gather(*(limits.hit(key, limit=20, window=60) for _ in range(200)))
    assert answers.count(0.0) == 20
    assert limits.degraded is False


async def test_a_try_is_counted_under_all_keys_or_none(limits: Limits, key: str) -> None:
    """One key that refuses keeps the others from counting; each says what it had before."""
    wide, narrow = Allowance(limit=10, window=60), Allowance(limit=2, window=3600)
    both = {f"{key}:wide": wide, f"{key}:narrow": narrow}
    assert [await limits.count(both) for _ in range(2)] == [Counted(0.0, (0, 0)), Counted(0.0, (1, 1))]
    refused = await limits.count(both)
    assert 3500 < refused.wait <= 3600
    assert [(await limits.count(both)).before for _ in range(3)] == [(2, 2)] * 3
    assert await limits.count({f"{key}:wide": wide}) == Counted(0.0, (2,))


async def test_parallel_counts_share_the_limit(limits: Limits, key: str) -> None:
    """Of 200 tries at once exactly 20 pass, and no key has more."""
    both = {f"{key}:one": Allowance(limit=20, window=60), f"{key}:other": Allowance(limit=100, window=60)}
    answers = await asyncio.gather(*(limits.count(both) for _ in range(200)))
    assert [answer.wait for answer in answers].count(0.0) == 20
    assert (await limits.count(both)).before == (20, 20)


async def test_pauses_double_up_to_the_longest(limits: Limits, key: str) -> None:
    """After the free tries each waits for the one before it: so long, twice as long, and no longer than the longest."""
    allowance = Allowance(limit=100, window=3600, free=2, pause=0.1, longest=0.3)
    waits = []
    for _ in range(6):
        wait = (await limits.count({key: allowance})).wait
        waits.append(wait)
        if wait:
            assert (await limits.count({key: allowance})).wait > 0
            await asyncio.sleep(wait + 0.002)
            assert (await limits.count({key: allowance})).wait == 0
    assert waits[:2] == [0, 0]
    assert [shortest < wait <= longest for wait, shortest, longest in zip(
        waits[2:], (0.05, 0.15, 0.25, 0.25), (0.1, 0.2, 0.3, 0.3), strict=True
    )] == [True] * 4  # fmt: skip


async def test_what_is_taken_back_was_never_tried(limits: Limits, key: str) -> None:
    """The last try of each key goes; a key without any is left alone."""
    allowances = {key: Allowance(limit=1, window=60), f"{key}:other": Allowance(limit=3, window=600)}
    await limits.take_back(allowances)
    assert (await limits.count(allowances)).wait == 0
    assert (await limits.count(allowances)).wait > 0
    await limits.take_back(allowances)
    assert await limits.count(allowances) == Counted(0.0, (0, 0))


async def test_what_is_forgotten_was_never_tried(limits: Limits, key: str) -> None:
    """All tries of the keys go, and those of no other."""
    one, other = {key: Allowance(limit=5, window=60)}, {f"{key}:other": Allowance(limit=5, window=60)}
    await limits.forget(one)
    for _ in range(3):
        await limits.count(one | other)
    await limits.forget(one)
    assert (await limits.count(one | other)).before == (0, 3)


def test_an_allowance_has_sense() -> None:
    """As a limit has."""
    with pytest.raises(ValueError, match="at least one try"):
        Allowance(limit=0, window=60)


# In memory.


async def test_log_is_exact_to_the_tick() -> None:
    """A try counts until its window has passed, and not a moment longer."""
    ticks = Ticks()
    limits = MemoryLimits(monotonic=ticks)
    answers = []
    for ticks.now in (1000.0, 1004.0, 1009.5, 1010.0, 1010.0):
        answers.append(await limits.hit("key", limit=2, window=10))
    assert answers == [0.0, 0.0, 0.5, 0.0, 4.0]


async def test_number_of_keys_is_bounded() -> None:
    """One key too many drops the one whose last counted try is the longest ago."""
    ticks = Ticks()
    limits = MemoryLimits(keys=3, monotonic=ticks)
    for key in ("first", "second", "third", "first", "fourth"):
        ticks.now += 1
        await limits.hit(key, limit=2, window=100)
    assert len(limits) == 3
    assert await limits.hit("first", limit=2, window=100) > 0
    assert await passes(limits, "second", limit=1, window=100)


async def test_expired_keys_are_dropped_first() -> None:
    """A key that has expired goes before one that is older and still counts."""
    ticks = Ticks()
    limits = MemoryLimits(keys=2, monotonic=ticks)
    await limits.hit("long", limit=1, window=1000)
    ticks.now += 1
    await limits.hit("short", limit=1, window=10)
    ticks.now += 10
    await limits.hit("new", limit=1, window=500)
    assert len(limits) == 2
    assert await limits.hit("long", limit=1, window=1000) > 0


async def test_memory_shrinks_after_a_flood() -> None:
    """Each counted try drops up to two logs that have expired."""
    ticks = Ticks()
    limits = MemoryLimits(monotonic=ticks)
    for number in range(100):
        await limits.hit(f"flood:{number}", limit=5, window=10)
    ticks.now += 10
    for number in range(51):
        await limits.hit(f"calm:{number}", limit=5, window=10)
    assert len(limits) == 51
    await limits.close()
    assert len(limits) == 0


# In Redis.


async def test_processes_share_the_limit(redis_url: str, key: str) -> None:
    """Of 200 tries in two processes exactly 20 pass."""
    one, other = RedisLimits(redis_url, deadline=PATIENCE), RedisLimits(redis_url, deadline=PATIENCE)
    tries = [each.hit(key, limit=20, window=60) for each in (one, other) for _ in range(100)]
    answers = await asyncio.gather(*tries)
    assert answers.count(0.0) == 20
    assert (one.degraded, other.degraded) == (False, False)
    await one.close()
    await other.close()


async def test_what_another_process_forgets_is_forgotten_here(redis_url: str, key: str) -> None:
    """Redis is believed while it answers: a success seen elsewhere ends a row of failures seen here."""
    one, other = RedisLimits(redis_url, deadline=PATIENCE), RedisLimits(redis_url, deadline=PATIENCE)
    allowances = {key: Allowance(limit=3, window=60)}
    assert [(await one.count(allowances)).wait for _ in range(3)] == [0, 0, 0]
    assert (await one.count(allowances)).wait > 0
    await other.forget(allowances)
    assert await one.count(allowances) == Counted(0.0, (0,))
    await one.close()
    await other.close()


async def test_counts_go_on_in_memory_while_redis_is_lost(
    restartable_valkey: RestartableValkey, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has passed here counts, and so does what is taken back and forgotten meanwhile. Old news is none."""
    limits = RedisLimits(restartable_valkey.url, deadline=PATIENCE, cool_down=0.1)
    allowances = {key: Allowance(limit=3, window=60)}
    assert [(await limits.count(allowances)).wait for _ in range(2)] == [0, 0]
    await restartable_valkey.kill()
    assert await limits.count(allowances) == Counted(0.0, (2,))
    told = [limits.degraded]
    monkeypatch.setattr("adapters.limits.redis.KNOWN_FOR", -0.1)  # as long as Redis is left alone
    assert [*told, limits.degraded] == [True, False]
    assert (await limits.count(allowances)).wait > 0
    await limits.take_back(allowances)
    assert await limits.count(allowances) == Counted(0.0, (2,))
    await limits.forget(allowances)
    assert await limits.count(allowances) == Counted(0.0, (0,))
    await limits.close()


async def test_redis_keeps_no_address_and_forgets(redis_url: str) -> None:
    """The key in Redis shows nobody's address, and goes when its window has passed."""
    limits = RedisLimits(redis_url, deadline=PATIENCE)
    await limits.hit("ada@example.com", limit=5, window=0.2)
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        (name,) = [found async for found in redis.scan_iter("porchlight:limit:*")]
        assert "ada@" not in name
        assert 0 < await redis.pttl(name) <= 200

        async def is_gone() -> bool:
            return not await redis.exists(name)

        await until(is_gone)
    await limits.close()


async def test_clock_that_was_set_back_refuses_nobody(redis_url: str) -> None:
    """Tries from the future, as a server's clock that was set back leaves them, do not block a key."""
    limits = RedisLimits(redis_url, deadline=PATIENCE)
    await limits.hit("key", limit=1, window=60)
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        (name,) = [found async for found in redis.scan_iter("porchlight:limit:*")]
        await redis.lset(name, 0, str(int(time.time_ns() / 1000) + 3_600_000_000))
    other = RedisLimits(redis_url, deadline=PATIENCE)
    assert await passes(other, "key", limit=1, window=60)
    assert await other.hit("key", limit=1, window=60) > 59
    await limits.close()
    await other.close()


async def test_lost_redis_leaves_limits_in_memory(restartable_valkey: RestartableValkey, key: str) -> None:
    """While Redis is gone this process counts alone and forgets nothing; once it is back, all count together again."""
    limits = RedisLimits(restartable_valkey.url, deadline=PATIENCE, cool_down=0.1)
    assert await passes(limits, key, limit=1, window=60)
    with capture_logs() as logs:
        await restartable_valkey.kill()
        assert await passes(limits, f"{key}:other", limit=1, window=60)
        assert limits.degraded is True
        assert await limits.hit(f"{key}:other", limit=1, window=60) > 0
        assert await limits.hit(key, limit=1, window=60) > 0
        await restartable_valkey.start()
        await until(lambda: _recovers(limits))
    assert [entry["event"] for entry in logs] == ["limits.degraded", "limits.recovered"]
    assert await limits.hit(key, limit=1, window=60) > 0  # though the new server knows of nothing
    await limits.close()


async def test_redis_that_comes_and_goes_doubles_no_limit(restartable_valkey: RestartableValkey, key: str) -> None:
    """Whatever is counted where, one process lets no more than the limit pass."""
    limits = RedisLimits(restartable_valkey.url, deadline=PATIENCE, cool_down=0.0)
    passed = [await passes(limits, key, limit=20, window=60) for _ in range(8)]
    await restartable_valkey.kill()
    passed += [await passes(limits, key, limit=20, window=60) for _ in range(8)]
    await restartable_valkey.start()
    passed += [await passes(limits, key, limit=20, window=60) for _ in range(8)]
    assert passed.count(True) == 20
    await limits.close()


async def test_what_redis_refuses_is_not_held_here(redis_url: str, key: str) -> None:
    """A try that another process's tries made one too many leaves nothing behind in this one."""
    one, other = RedisLimits(redis_url, deadline=PATIENCE), RedisLimits(redis_url, deadline=PATIENCE)
    assert await passes(one, key, limit=1, window=0.2)
    wait = await other.hit(key, limit=1, window=0.2)
    assert 0 < wait <= 0.2
    assert len(other._here) == 0
    await asyncio.sleep(wait + 0.01)
    assert await passes(other, key, limit=1, window=0.2)
    await one.close()
    await other.close()


async def test_silent_redis_costs_one_deadline(silent_port: int, key: str) -> None:
    """A server that takes connections and says nothing is waited for once, not by each request."""
    limits = RedisLimits(f"redis://127.0.0.1:{silent_port}/0", deadline=0.1, cool_down=60)
    start = time.monotonic()
    answers = [await limits.hit(key, limit=20, window=60) for _ in range(100)]
    assert time.monotonic() - start < 0.5
    assert answers.count(0.0) == 20
    assert limits.degraded is True
    await limits.close()


async def test_one_try_at_a_time_looks_for_redis(silent_port: int, key: str) -> None:
    """After the cool-down one try pays for the question whether Redis is back, the others pass in memory."""
    limits = RedisLimits(f"redis://127.0.0.1:{silent_port}/0", deadline=0.1, cool_down=0.01)
    await limits.hit(key, limit=100, window=60)
    await asyncio.sleep(0.02)
    limits._cool_down = 60
    first = asyncio.create_task(limits.hit(key, limit=100, window=60))
    await asyncio.sleep(0)
    start = time.monotonic()
    await limits.hit(key, limit=100, window=60)
    assert time.monotonic() - start < 0.05
    await first
    await limits.close()


async def test_answer_that_makes_no_sense_counts_as_lost(redis_url: str) -> None:
    """An error from Redis, here a key of another type, degrades and is never the caller's."""
    limits = RedisLimits(redis_url, deadline=PATIENCE)
    await limits.hit("key", limit=1, window=60)
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        (name,) = [found async for found in redis.scan_iter("porchlight:limit:*")]
        await redis.set(name, "no list")
    other = RedisLimits(redis_url, deadline=PATIENCE)
    assert await passes(other, "key", limit=1, window=60)
    assert other.degraded is True
    await limits.close()
    await other.close()


# Opening.


@pytest.mark.parametrize("url", ["", "memcached://localhost", "localhost:6379"])
def test_unknown_url_is_refused(url: str) -> None:
    """Only the two variants have a scheme, and the message repeats no password."""
    with pytest.raises(ValueError, match="memory:// or redis://"):
        open_limits(url)


@pytest.mark.parametrize(
    ("url", "variant"),
    [("memory://", MemoryLimits), ("redis://localhost", RedisLimits), ("rediss://localhost", RedisLimits)],
)
async def test_url_names_the_variant(url: str, variant: type) -> None:
    """Nothing is connected before the first try. TLS has a scheme of its own."""
    limits = open_limits(url)
    assert type(limits) is variant
    await limits.close()


def test_redis_is_imported_by_those_who_use_it() -> None:
    """Start-up without Redis does not pay for its client, nor mail in files for that of SMTP."""
    program = """
import sys
from adapters.bus import open_bus
from adapters.limits import open_limits
from adapters.mail import open_mail
open_limits("memory://"), open_bus("memory://"), open_mail("outbox://var/outbox")
print(sorted({"redis", "aiosmtplib"} & set(sys.modules)))
"""
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed == "[]\n"


async def _recovers(limits: Limits) -> bool:
    await limits.hit(str(uuid4()), limit=1, window=60)
    return not limits.degraded
