import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from adapters.bus import Bus, MemoryBus, RedisBus, open_bus
from adapters.bus.memory import BACKLOG
from adapters.bus.redis import APART
from tests.services.valkey import RestartableValkey, until

PATIENCE = 5.0  # a busy machine must not look like a lost Redis


@asynccontextmanager
async def process(url: str, **options: Any) -> AsyncGenerator[RedisBus]:
    """A bus as one process has it."""
    defaults: dict[str, Any] = {"deadline": PATIENCE, "backoff": (0.01, 0.05)}
    bus = RedisBus(url, **defaults | options)
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    if request.param == "memory":
        memory = MemoryBus()
        await memory.open()
        yield memory
        await memory.close()
    else:
        async with process(request.getfixturevalue("redis_url")) as redis:
            yield redis


@pytest.fixture
def channel() -> str:
    """A channel of this test alone."""
    return f"usage:{uuid4()}"


# The contract: every variant keeps it.


def test_variant_meets_the_port(bus: Bus) -> None:
    """Each variant has what the Protocol names, and starts undegraded."""
    assert isinstance(bus, Bus)
    assert (bus.degraded, bus.dropped) == (False, 0)


async def test_listeners_have_run_when_publish_returns(bus: Bus, channel: str) -> None:
    """Every listener of the channel is told once, in order, and those of other channels are not."""
    one: list[str] = []
    two: list[str] = []
    other: list[str] = []
    bus.subscribe(channel, one.append)
    bus.subscribe(channel, two.append)
    bus.subscribe(f"{channel}:other", other.append)
    for message in ("1", "2", "ü:\n{}", ""):
        await bus.publish(channel, message)
    assert one == two == ["1", "2", "ü:\n{}", ""]
    assert other == []


async def test_own_messages_come_once(bus: Bus, channel: str) -> None:
    """A message that comes back from outside is not told a second time."""
    heard: list[str] = []
    bus.subscribe(channel, heard.append)
    for number in range(50):
        await bus.publish(channel, str(number))
    await asyncio.sleep(0.05)
    assert heard == [str(number) for number in range(50)]


async def test_unsubscribed_listener_is_told_nothing(bus: Bus, channel: str) -> None:
    """Unsubscribing takes effect at once, leaves others alone, and may be done twice."""
    gone: list[str] = []
    stays: list[str] = []
    unsubscribe = bus.subscribe(channel, gone.append)
    bus.subscribe(channel, stays.append)
    await bus.publish(channel, "1")
    unsubscribe()
    unsubscribe()
    await bus.publish(channel, "2")
    assert (gone, stays) == (["1"], ["1", "2"])


async def test_last_listener_takes_its_channel_away(bus: Bus, channel: str) -> None:
    """Nothing is kept of a channel that nobody listens to."""
    bus.subscribe(channel, lambda _: None)()
    await bus.publish(channel, "1")
    memory = bus._local if isinstance(bus, RedisBus) else bus
    assert isinstance(memory, MemoryBus)
    assert memory._channels == {}


async def test_listener_may_unsubscribe_another(bus: Bus, channel: str) -> None:
    """Who is unsubscribed while a message goes round is not told it."""
    heard: list[str] = []
    bus.subscribe(channel, lambda _: unsubscribe())
    unsubscribe = bus.subscribe(channel, heard.append)
    await bus.publish(channel, "1")
    assert heard == []


async def test_failing_listener_harms_nobody(bus: Bus, channel: str) -> None:
    """What a listener raises is logged; it and the others hear the next message."""
    heard: list[str] = []

    def fails(message: str) -> None:
        raise LookupError(message)

    async def fails_later(message: str) -> None:
        await asyncio.sleep(0)
        raise LookupError(message)

    for listener in (fails, fails_later, heard.append):
        bus.subscribe(channel, listener)
    with capture_logs() as logs:
        await bus.publish(channel, "1")
        await bus.publish(channel, "2")
        await until(lambda: len(logs) == 4)
    assert heard == ["1", "2"]
    assert {(entry["event"], entry["channel"]) for entry in logs} == {("bus.listener_failed", channel)}


async def test_cancelled_listener_hears_the_next_message(bus: Bus, channel: str) -> None:
    """A call that is cancelled from within ends that call and nothing else."""
    heard: list[str] = []

    async def listener(message: str) -> None:
        heard.append(message)
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    bus.subscribe(channel, listener)
    await bus.publish(channel, "1")
    await bus.publish(channel, "2")
    await until(lambda: heard == ["1", "2"])


async def test_slow_listener_gets_one_message_at_a_time(bus: Bus, channel: str) -> None:
    """A coroutine is waited for by its own next message, by no other listener and by no publisher."""
    heard: list[str] = []
    quick: list[str] = []
    go = asyncio.Event()

    async def slow(message: str) -> None:
        heard.append(f"{message} begins")
        await go.wait()
        heard.append(f"{message} ends")

    bus.subscribe(channel, slow)
    bus.subscribe(channel, quick.append)
    for message in ("1", "2", "3"):
        await bus.publish(channel, message)
    await until(lambda: heard == ["1 begins"])
    assert quick == ["1", "2", "3"]
    go.set()
    await until(lambda: len(heard) == 6)
    assert heard == [f"{message} {part}" for message in "123" for part in ("begins", "ends")]


async def test_unsubscribed_coroutine_comes_to_its_end(bus: Bus, channel: str) -> None:
    """Unsubscribing lets the running call finish and forgets what waits behind it."""
    heard: list[str] = []
    go = asyncio.Event()

    async def slow(message: str) -> None:
        await go.wait()
        heard.append(message)

    unsubscribe = bus.subscribe(channel, slow)
    await bus.publish(channel, "1")
    await bus.publish(channel, "2")
    unsubscribe()
    go.set()
    await until(lambda: heard == ["1"])
    await asyncio.sleep(0)
    assert heard == ["1"]


async def test_listener_that_falls_behind_is_resynced(bus: Bus, channel: str) -> None:
    """A backlog that overflows is dropped and counted, and its listener told that it missed something."""
    heard: list[str] = []
    go = asyncio.Event()

    async def slow(message: str) -> None:
        await go.wait()
        heard.append(message)

    bus.subscribe(channel, slow, resync=lambda: heard.append("resync"))
    with capture_logs() as logs:
        for number in range(BACKLOG + 3):
            await bus.publish(channel, str(number))
    assert [entry["event"] for entry in logs] == ["bus.listener_too_slow"]
    assert bus.dropped == BACKLOG + 1
    go.set()
    await until(lambda: len(heard) == 3)
    assert heard == ["0", "resync", str(BACKLOG + 2)]


async def test_listener_without_resync_loses_the_oldest(bus: Bus, channel: str) -> None:
    """Where nobody wants to know what was missed, the newest messages stay."""
    heard: list[str] = []
    go = asyncio.Event()

    async def slow(message: str) -> None:
        await go.wait()
        heard.append(message)

    bus.subscribe(channel, slow)
    for number in range(BACKLOG + 3):
        await bus.publish(channel, str(number))
    go.set()
    await until(lambda: len(heard) == BACKLOG + 1)
    assert bus.dropped == 2
    assert heard[:2] == ["0", "3"]


async def test_listener_runs_in_the_context_of_its_subscription(bus: Bus, channel: str) -> None:
    """A publisher's context, with the transaction that may be open in it, does not reach listeners."""
    transaction: ContextVar[str] = ContextVar("transaction", default="none")
    seen: list[str] = []

    async def later(_: str) -> None:
        await asyncio.sleep(0)
        seen.append(transaction.get())

    bus.subscribe(channel, lambda _: seen.append(transaction.get()))
    bus.subscribe(channel, later)
    token = transaction.set("open")
    await bus.publish(channel, "1")
    await bus.publish(channel, "2")
    transaction.reset(token)
    await until(lambda: len(seen) == 4)
    assert seen == ["none"] * 4


async def test_closing_cancels_what_runs(channel: str) -> None:
    """Nobody is left behind when the bus closes, not even a listener that has unsubscribed."""
    memory = MemoryBus()
    ended: list[str] = []

    async def listener(message: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(message)

    unsubscribe = memory.subscribe(channel, listener)
    memory.subscribe(channel, listener)
    await memory.publish(channel, "1")
    await asyncio.sleep(0)
    unsubscribe()
    await memory.close()
    assert ended == ["1", "1"]


# Between processes.


async def test_processes_hear_each_other(redis_url: str, channel: str) -> None:
    """Each process tells its own listeners once and the other's once, in the order of publishing."""
    async with process(redis_url) as one, process(redis_url) as two:
        heard: dict[str, list[str]] = {"one": [], "two": []}
        one.subscribe(channel, heard["one"].append)
        two.subscribe(channel, heard["two"].append)
        messages = [f"ü:{number}" for number in range(100)]
        for message in messages:
            await one.publish(channel, message)
        await until(lambda: heard["two"] == messages)
        await two.publish(channel, "end")
        await until(lambda: heard["one"][-1] == "end")
    assert heard["one"] == heard["two"] == [*messages, "end"]


async def test_publishing_at_once_loses_nothing(redis_url: str, channel: str) -> None:
    """Messages that are published together keep their order in both processes."""
    async with process(redis_url) as one, process(redis_url) as two:
        here: list[str] = []
        there: list[str] = []
        one.subscribe(channel, here.append)
        two.subscribe(channel, there.append)
        await asyncio.gather(*(one.publish(channel, str(number)) for number in range(200)))
        await until(lambda: len(there) == 200)
    assert here == there == [str(number) for number in range(200)]


async def test_malformed_messages_are_dropped(redis_url: str, channel: str) -> None:
    """What no bus has published is logged without its content, and the next message is heard."""
    async with process(redis_url) as bus, Redis.from_url(redis_url) as stranger:
        heard: list[str] = []
        bus.subscribe(channel, heard.append)
        with capture_logs() as logs:
            for junk in (b"", b"42", b"\xff\xfe", b"0123456789abcdeg:7", b"0123456789abcdef", b"0123456789abcdef:\xff"):
                await stranger.publish(f"porchlight:bus:{channel}", junk)
            await stranger.publish(f"porchlight:bus:{channel}", b"0123456789abcdef:7")
            await stranger.publish(b"porchlight:bus:\xff", b"0123456789abcdef:8")
            await until(lambda: heard == ["7"])
    assert [(entry["event"], entry["size"]) for entry in logs] == [
        ("bus.malformed", size) for size in (0, 2, 2, 18, 16, 18)
    ]


async def test_bus_outlives_a_restart(restartable_valkey: RestartableValkey, channel: str) -> None:
    """When Redis comes back every listener is told that it may have missed something, and hears on."""
    url = restartable_valkey.url
    async with process(url, cool_down=0.05) as one, process(url, cool_down=0.05) as two:
        heard: list[str] = []
        here: list[str] = []

        async def resync() -> None:
            await asyncio.sleep(0)
            heard.append("resync")

        one.subscribe(channel, here.append)
        two.subscribe(channel, heard.append, resync=resync)
        two.subscribe(channel, lambda _: None)
        await one.publish(channel, "before")
        await until(lambda: heard == ["before"])
        with capture_logs() as logs:
            await restartable_valkey.kill()
            await until(lambda: one.degraded and two.degraded)
            await one.publish(channel, "lost")
            await one.publish(channel, "lost too")
            assert (here, one.dropped) == (["before", "lost", "lost too"], 2)
            await restartable_valkey.start()
            await until(lambda: not one.degraded and not two.degraded)
            await until(lambda: heard[:2] == ["before", "resync"])
        await one.publish(channel, "after")
        await until(lambda: "after" in heard)
        assert set(heard[1:]) == {"resync", "after"}  # once for what it did not hear, or twice: for what was not told
    assert here == ["before", "lost", "lost too", "after"]
    events = [entry["event"] for entry in logs]
    once = ("bus.cannot_tell", "bus.can_tell")
    twice = ("bus.cannot_hear", "bus.can_hear")
    assert [events.count(event) for event in (*once, *twice)] == [1, 1, 2, 2]


async def test_who_hears_well_is_told_of_what_was_lost(restartable_valkey: RestartableValkey, channel: str) -> None:
    """Redis says nothing for a moment, in which one process cannot tell and another one misses no sign of life."""
    url = restartable_valkey.url
    async with process(url, deadline=0.2, cool_down=0.3) as one, process(url, cool_down=0.05) as two:
        heard: list[str] = []
        two.subscribe(channel, heard.append, resync=lambda: heard.append("resync"))
        await one.publish(channel, "before")
        await until(lambda: heard == ["before"])
        restartable_valkey.pause()
        await one.publish(channel, "perhaps")
        await one.publish(channel, "lost")
        await asyncio.sleep(0.3)
        await one.publish(channel, "perhaps")
        restartable_valkey.resume()
        assert one.dropped == 3
        await until(lambda: heard[-1] == "resync")
        assert "lost" not in heard
        await until(lambda: not one.degraded and not two.degraded)
        await asyncio.sleep(0.15)
        assert heard.count("resync") == 1
        for _ in range(2):  # as of two processes; what has not been read again when it closes is not read at all
            await one._redis.publish("porchlight:bus:bus.lost", "0123456789abcdef:")
        await until(lambda: two._resyncing is not None)
        assert two._resyncing
        assert two._resyncing.when() - asyncio.get_running_loop().time() > APART / 2  # not again and again
    assert heard.count("resync") == 1


async def test_what_a_caller_who_left_was_telling_counts_as_lost(redis_url: str, channel: str) -> None:
    """Nobody knows whether it has arrived: the others read again."""
    async with process(redis_url, cool_down=0.05) as one, process(redis_url, cool_down=0.05) as two:
        heard: list[str] = []
        two.subscribe(channel, heard.append, resync=lambda: heard.append("resync"))
        telling = asyncio.create_task(one.publish(channel, "perhaps"))
        await asyncio.sleep(0)
        telling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await telling
        assert one.dropped == 1
        await until(lambda: "resync" in heard)


async def test_silent_redis_is_noticed(restartable_valkey: RestartableValkey, channel: str) -> None:
    """A connection that has died without a word is given up, costs a publisher one deadline, and is made anew."""
    async with process(restartable_valkey.url, deadline=0.5, idle=0.02, cool_down=60) as bus:
        resynced: list[str] = []
        bus.subscribe(channel, lambda _: None, resync=lambda: resynced.append("resync"))
        await until(lambda: not bus.degraded)
        resynced.clear()
        await asyncio.sleep(0.1)
        assert not bus.degraded  # silence is no fault while pings are answered
        restartable_valkey.pause()
        started = asyncio.get_running_loop().time()
        for _ in range(20):
            await bus.publish(channel, "1")
        assert asyncio.get_running_loop().time() - started < 2
        assert bus.dropped == 20
        await until(lambda: not bus._hears.is_set())
        restartable_valkey.resume()
        await until(lambda: not bus.degraded)
        await until(lambda: resynced != [])


async def test_busy_connection_closes_at_once(redis_url: str) -> None:
    """Closing ends the reader whatever it is doing: listening, asking for a sign of life, or waiting for it."""
    async with asyncio.timeout(PATIENCE):
        for number in range(40):
            async with process(redis_url, idle=0.0005) as bus:
                await asyncio.sleep(number / 5000)
            assert bus._reader is not None
            assert bus._reader.cancelled()


async def test_bus_opens_before_redis_does(restartable_valkey: RestartableValkey, channel: str) -> None:
    """A process starts without Redis, tells its own listeners, and looks for it with growing pauses."""
    await restartable_valkey.kill()
    pauses: list[str] = []

    def jitter() -> float:
        pauses.append("pause")
        return 0.0

    async with process(restartable_valkey.url, deadline=0.1, jitter=jitter) as bus:
        assert bus.degraded is True
        heard: list[str] = []
        bus.subscribe(channel, heard.append, resync=lambda: heard.append("resync"))
        await bus.publish(channel, "1")
        await until(lambda: len(pauses) > 4)
        await restartable_valkey.start()
        await until(lambda: not bus.degraded)
        assert heard == ["1", "resync"]


async def test_slow_start_is_made_up_for(silent_port: int, channel: str) -> None:
    """Opening waits for its deadline and no longer; what others publish meanwhile counts as missed."""
    async with process(f"redis://127.0.0.1:{silent_port}/0", deadline=0.05) as bus:
        heard: list[str] = []
        bus.subscribe(channel, heard.append, resync=lambda: heard.append("resync"))
        assert bus.degraded is True
        bus._can_hear()
        assert heard == ["resync"]


# Opening.


@pytest.mark.parametrize("url", ["", "amqp://localhost", "localhost:6379"])
def test_unknown_url_is_refused(url: str) -> None:
    """Only the two variants have a scheme."""
    with pytest.raises(ValueError, match="memory:// or redis://"):
        open_bus(url)


@pytest.mark.parametrize(
    ("url", "variant"), [("memory://", MemoryBus), ("redis://localhost", RedisBus), ("rediss://localhost", RedisBus)]
)
async def test_url_names_the_variant(url: str, variant: type) -> None:
    """Nothing is connected before `open()`, and what was never opened may be closed."""
    bus = open_bus(url)
    assert type(bus) is variant
    await bus.close()
