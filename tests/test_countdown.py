"""The live countdown, over a real socket and a clock that is moved by hand."""

import asyncio
import gc
import socket
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from websockets.server import ServerProtocol

from engine.events import EventExecutor, InterpretedEvents
from models import Role, Trial
from schema.context import Context
from services.trials.countdown import CHANNEL, RECENT, Countdown, Subscriber
from tests.clock import START, ManualClock, settle
from tests.conftest import Start
from tests.porchlight import Connection, Person, Porchlight
from tests.services.valkey import until
from tests.staff import staff
from web.sockets.connection import Socket

COUNTDOWN = "subscription($every: Int) { trialCountdown(everySeconds: $every) { status secondsLeft endsAt version } }"
TWO_WEEKS = 14 * 86_400


async def tick(connection: Connection) -> dict[str, Any]:
    payload = await connection.next()
    assert "errors" not in payload, payload
    found: dict[str, Any] = payload["data"]["trialCountdown"]
    return found


async def silent(connection: Connection) -> bool:
    """Whether nothing more is on its way."""
    try:
        await asyncio.wait_for(connection.raw.recv(), 0.1)
    except TimeoutError:
        return True
    return False


async def end_trial_at(porchlight: Porchlight, person: Person, after: timedelta, **more: Any) -> None:
    """Change the row as another part of the system would, and tell."""
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
        await Trial.filter(id=trial.id).update(ends_at=START + after, version=trial.version + 1, **more)
    await porchlight.app.bus.publish(CHANNEL, str(trial.id))


async def test_it_ticks_at_once_and_each_second(porchlight: Porchlight, clock: ManualClock) -> None:
    """Every second by default, without a query for any tick."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe("subscription { trialCountdown { status secondsLeft endsAt serverTime version } }")
        assert await tick(connection) == {
            "status": "ACTIVE",
            "secondsLeft": TWO_WEEKS,
            "endsAt": "2026-03-16T09:00:00+00:00",
            "serverTime": "2026-03-02T09:00:00+00:00",
            "version": 1,
        }
        with porchlight.counting_queries() as statements:
            for second in range(1, 4):
                await clock.run(1)
                assert (await tick(connection))["secondsLeft"] == TWO_WEEKS - second
        assert statements == []


async def test_the_cadence_is_the_one_asked_for(porchlight: Porchlight, clock: ManualClock) -> None:
    """Two countdowns of one socket, each at its own pace."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, "five", every=5)
        await connection.subscribe(COUNTDOWN, "hour", every=3600)
        assert {(await connection.receive())["id"] for _ in range(2)} == {"five", "hour"}
        await clock.run(4)
        assert await silent(connection)
        await clock.run(1)
        message = await connection.receive()
        assert (message["id"], message["payload"]["data"]["trialCountdown"]["secondsLeft"]) == ("five", TWO_WEEKS - 5)
        await clock.advance(timedelta(seconds=3595))
        found = {}
        for _ in range(2):
            message = await connection.receive()
            found[message["id"]] = message["payload"]["data"]["trialCountdown"]["secondsLeft"]
        assert found == {"five": TWO_WEEKS - 3600, "hour": TWO_WEEKS - 3600}


async def test_a_change_is_told_at_once(porchlight: Porchlight) -> None:
    """An extension by support reaches the open countdown with the next version."""
    support, person = await staff(porchlight, Role.SUPPORT), await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, every=3600)
        assert (await tick(connection))["version"] == 1
        await porchlight.ask(
            'mutation($user: ID!) { extendTrial(userId: $user, days: 2, reason: "kind") { __typename } }',
            {"user": person.registered["user"]["id"]},
            token=support.access_token,
        )
        assert await tick(connection) == {
            "status": "ACTIVE",
            "secondsLeft": TWO_WEEKS + 2 * 86_400,
            "endsAt": "2026-03-18T09:00:00+00:00",
            "version": 2,
        }


@pytest.mark.parametrize("settings", ["production"], indirect=True)
async def test_a_change_in_another_process_arrives_through_the_bus(start: Start) -> None:
    """Two servers on one database and one Valkey."""
    here, there = await start(), await start()
    person = await here.register()
    async with here.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, every=3600)
        assert (await tick(connection))["version"] == 1
        await end_trial_at(there, person, timedelta(days=20))
        assert (await tick(connection))["version"] == 2


async def test_it_tells_each_status_and_completes_when_the_trial_is_over(
    porchlight: Porchlight, clock: ManualClock
) -> None:
    """ENDING and EXPIRED come at their moment, whatever the cadence, and then the end."""
    person = await porchlight.register()
    await end_trial_at(porchlight, person, timedelta(days=3, seconds=100), started_at=START - timedelta(days=11))
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, every=3600)
        assert (await tick(connection))["status"] == "ACTIVE"
        await clock.run(100)
        assert await tick(connection) == {
            "status": "ENDING",
            "secondsLeft": 259_200,
            "endsAt": "2026-03-05T09:01:40+00:00",
            "version": 2,
        }
        await clock.advance(timedelta(days=3))
        last = await tick(connection)
        assert (last["status"], last["secondsLeft"]) == ("EXPIRED", 0)
        assert await connection.receive() == {"id": "1", "type": "complete"}
    assert porchlight.app.countdown.subscribers == 0


@pytest.mark.parametrize("decided", ["converted", "canceled"])
async def test_it_completes_after_a_decision(porchlight: Porchlight, decided: str) -> None:
    """What another part decides ends the countdown."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, every=60)
        await tick(connection)
        await end_trial_at(porchlight, person, timedelta(days=14), **{f"{decided}_at": START})
        assert (await tick(connection))["status"] == decided.upper()
        assert (await connection.receive())["type"] == "complete"


async def test_a_trial_that_is_over_gives_one_tick(porchlight: Porchlight) -> None:
    """The last word, and the end."""
    person = await porchlight.register()
    await end_trial_at(porchlight, person, timedelta(seconds=0))
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        assert (await tick(connection))["status"] == "EXPIRED"
        assert (await connection.receive())["type"] == "complete"


async def test_the_trial_of_a_tick_is_read_anew(porchlight: Porchlight, clock: ManualClock) -> None:
    """One query for each event that asks for it, never an older row than the tick's."""
    person = await porchlight.register()
    query = "subscription { trialCountdown { version trial { endsAt plan { key } } } }"
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(query)
        await tick(connection)
        await end_trial_at(porchlight, person, timedelta(days=30))
        assert await tick(connection) == {
            "version": 2,
            "trial": {"endsAt": "2026-04-01T09:00:00+00:00", "plan": {"key": "pro-monthly"}},
        }
        with porchlight.counting_queries() as statements:
            await clock.run(1)
            await tick(connection)
        assert len(statements) == 1


async def test_a_clock_that_jumps_harms_no_countdown(porchlight: Porchlight, clock: ManualClock) -> None:
    """Back by a day or ahead by two: the next tick tells the truth, and the cadence goes on."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, every=10)
        await tick(connection)
        await clock.jump(START - timedelta(days=1))
        assert (await tick(connection))["secondsLeft"] == TWO_WEEKS + 86_400
        await clock.jump(START + timedelta(days=2))
        assert (await tick(connection))["secondsLeft"] == TWO_WEEKS - 2 * 86_400
        await clock.run(10)
        assert (await tick(connection))["secondsLeft"] == TWO_WEEKS - 2 * 86_400 - 10


async def test_a_change_between_reading_and_watching_is_not_missed(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is read, somebody changes it, and only then the countdown opens: it still hears."""
    person = await porchlight.register()
    watch = porchlight.app.countdown.ticks

    def changed_first(trial: Trial, every: int) -> Any:
        async def ticks() -> Any:
            await end_trial_at(porchlight, person, timedelta(days=30))
            async for each in watch(trial, every):
                yield each

        return ticks()

    monkeypatch.setattr(porchlight.app.countdown, "ticks", changed_first)
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, every=3600)
        versions = [(await tick(connection))["version"]]
        while versions[-1] == 1:
            versions.append((await tick(connection))["version"])
        assert versions[-1] == 2


async def test_a_slow_reader_finds_the_newest_tick(porchlight: Porchlight, clock: ManualClock) -> None:
    """A consumer that is away for a minute gets one tick, not sixty."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
    ticks = porchlight.app.countdown.ticks(trial, 1)
    assert (await anext(ticks)).seconds_left == TWO_WEEKS
    await clock.run(60)
    assert (await anext(ticks)).seconds_left == TWO_WEEKS - 60
    waiting = asyncio.ensure_future(anext(ticks))
    await settle()
    assert not waiting.done()
    await clock.run(1)
    assert (await waiting).seconds_left == TWO_WEEKS - 61
    await ticks.aclose()
    assert porchlight.app.countdown.subscribers == 0


async def test_countdowns_that_are_left_give_everything_back(porchlight: Porchlight, clock: ManualClock) -> None:
    """A thousand that are closed half-way leave no subscriber, slot or watched trial behind."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
    countdown = porchlight.app.countdown
    opened = [countdown.ticks(trial, 1 + number % 3600) for number in range(1000)]
    for ticks in opened:
        await anext(ticks)
    assert countdown.subscribers == 1000
    await clock.run(5)
    for ticks in opened:
        await ticks.aclose()
    gc.collect()
    assert countdown.subscribers == 0
    assert (countdown._watched, any(countdown._slots)) == ({}, False)


async def test_lost_messages_are_made_up_for(porchlight: Porchlight) -> None:
    """After the bus was away, watched rows are read again."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, every=3600)
        await tick(connection)
        with porchlight.app.database.bound():
            await Trial.filter(user_id=person.user_id).update(version=7)
        porchlight.app.countdown._all_changed()
        assert (await tick(connection))["version"] == 7


async def test_a_database_that_is_away_is_asked_again(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change is told late, and it is told."""
    monkeypatch.setattr("services.trials.countdown.RETRY", 0.01)
    person = await porchlight.register()
    read, failures = Trial.filter, 0

    def failing(*args: Any, **which: Any) -> Any:
        nonlocal failures
        if "id__in" in which and failures < 3:
            failures += 1
            raise OSError("the database is away")
        return read(*args, **which)

    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, every=3600)
        await tick(connection)
        monkeypatch.setattr(Trial, "filter", failing)
        await end_trial_at(porchlight, person, timedelta(days=30))
        assert (await tick(connection))["version"] == 2
    assert failures == 3


async def test_nonsense_on_the_bus_changes_nothing(porchlight: Porchlight, clock: ManualClock) -> None:
    """Neither words nor unknown trials."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        await tick(connection)
        for message in ("", "x", "-1", "999999"):
            await porchlight.app.bus.publish(CHANNEL, message)
        assert await silent(connection)
        await clock.run(1)
        assert (await tick(connection))["secondsLeft"] == TWO_WEEKS - 1


async def test_a_turn_that_fails_is_not_the_last(
    porchlight: Porchlight, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel goes on after a fault."""
    person = await porchlight.register()
    cross = porchlight.app.countdown._cross_boundaries
    faults = 0

    def once(now: Any) -> None:
        nonlocal faults
        if faults == 0:
            faults += 1
            raise ValueError("a fault")
        cross(now)

    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        await tick(connection)
        monkeypatch.setattr(porchlight.app.countdown, "_cross_boundaries", once)
        for second in (1, 2):
            await clock.run(1)
            assert (await tick(connection))["secondsLeft"] == TWO_WEEKS - second
    await until(lambda: porchlight.app.countdown.subscribers == 0)


async def test_countdowns_that_come_and_go_leave_no_alarms(porchlight: Porchlight) -> None:
    """The alarms of trials that nobody watches any more are cleared away."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
    countdown = porchlight.app.countdown
    for _ in range(3 * RECENT):
        ticks = countdown.ticks(trial, 1)
        await anext(ticks)
        await ticks.aclose()
    assert len(countdown._boundaries) <= RECENT + 1


async def test_many_changes_are_read_in_portions(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """One query asks for a bounded number of rows, and the next one for the rest."""
    monkeypatch.setattr(import_module("services.trials.countdown"), "ROWS_AT_ONCE", 2)
    people = [await porchlight.register(f"{name}@example.com") for name in "abcde"]
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(porchlight.connect(token=each.access_token)) for each in people]
        for connection in connections:
            await connection.subscribe(COUNTDOWN, every=3600)
            await tick(connection)
        with porchlight.app.database.bound():
            await Trial.all().update(version=2)
        porchlight.app.countdown._all_changed()
        assert [(await tick(connection))["version"] for connection in connections] == [2] * 5


class EarlyClock(ManualClock):
    """Sleepers wake a millisecond early, and each look at the time takes a while, as in a busy process."""

    def __init__(self) -> None:
        super().__init__(START)
        self.asked: list[float] = []

    def now(self) -> datetime:
        self._now += timedelta(microseconds=400)
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._now += timedelta(seconds=max(seconds - 0.001, 0.0))
        await asyncio.sleep(0)


async def test_timers_that_wake_early_skip_and_double_no_second(porchlight: Porchlight) -> None:
    """The wheel comes to each second once, in order, though it is woken before it and late in it."""
    clock = EarlyClock()
    countdown = Countdown(clock, porchlight.app.database, porchlight.app.bus)
    seconds: list[int] = []
    done = asyncio.Event()

    def told(now: datetime) -> None:
        second = int(now.timestamp())
        if second > countdown._second:
            seconds.append(second)
        countdown._second = second
        if len(seconds) == 30:
            done.set()

    countdown._advance = told  # type: ignore[method-assign]
    await countdown.open()
    async with asyncio.timeout(20):
        await done.wait()
    await countdown.close()
    first = int(START.timestamp()) + 1
    assert seconds[:30] == list(range(first, first + 30))
    assert all(0 < asked <= 1 for asked in clock.asked)


class LateClock(ManualClock):
    """Two seconds pass between any two looks at the time: whatever is done each second takes longer than one."""

    def now(self) -> datetime:
        self._now += timedelta(seconds=2)
        return self._now


async def test_a_wheel_that_is_too_slow_lets_others_run(porchlight: Porchlight) -> None:
    """What it tells is heard, though the next second is due already."""
    countdown = Countdown(LateClock(START), porchlight.app.database, porchlight.app.bus)
    await countdown.open()
    async with asyncio.timeout(20):
        with porchlight.app.database.bound():
            person = await porchlight.register()
            ticks = countdown.ticks(await Trial.get(user_id=person.user_id), 1)
        left = [(await anext(ticks)).seconds_left for _ in range(5)]
    assert left == sorted(set(left), reverse=True)
    await ticks.aclose()
    await countdown.close()


async def test_seconds_are_neither_skipped_nor_told_twice(porchlight: Porchlight, clock: ManualClock) -> None:
    """Timers wake early or late by less than a second; each tick has one second less than the one before."""
    person = await porchlight.register()
    await end_trial_at(porchlight, person, timedelta(days=5, microseconds=300))
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        left = [(await tick(connection))["secondsLeft"]]
        for second, late in enumerate((400, 200, 90_000, 0, 500), start=1):
            beat = START + timedelta(seconds=second)
            await clock.jump(beat - timedelta(microseconds=80))
            assert await silent(connection)
            await clock.jump(beat + timedelta(microseconds=late))
            left.append((await tick(connection))["secondsLeft"])
            assert await silent(connection)
    assert left == list(range(left[0], left[0] - 6, -1))


async def test_a_beat_does_not_go_back_behind_what_is_known(porchlight: Porchlight, clock: ManualClock) -> None:
    """The wheel is late in its second; who came meanwhile is not told of the moment before."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=person.user_id)
    countdown = porchlight.app.countdown
    clock._now = START + timedelta(seconds=1, milliseconds=3)  # the wheel sleeps on
    ticks = countdown.ticks(trial, 1)
    assert (await anext(ticks)).server_time == clock.now()
    await clock.advance(timedelta(milliseconds=2))
    assert (await anext(ticks)).server_time == START + timedelta(seconds=1, milliseconds=3)
    await ticks.aclose()


async def test_sockets_that_vanish_give_everything_back(start: Start) -> None:
    """Two hundred connections that are cut without a farewell leave no task, socket, slot or watched trial.

    Nothing of them waits for a search for cycles, which a process that is as busy as a countdown keeps it makes rarely.
    """
    porchlight = await start(rate_limits=False)
    person = await porchlight.register()
    countdown, before = porchlight.app.countdown, len(asyncio.all_tasks())
    gc.collect()
    gc.disable()
    try:
        async with AsyncExitStack() as stack:
            connections = [
                await stack.enter_async_context(porchlight.connect(token=person.access_token)) for _ in range(200)
            ]
            for connection in connections:
                await connection.subscribe(COUNTDOWN, every=3600)
                await tick(connection)
            assert (countdown.subscribers, left_of_sockets()) == (200, 1000)
            for connection in connections:
                connection.raw.transport.abort()
            await until(lambda: countdown.subscribers == 0)
        assert (countdown._watched, any(countdown._slots)) == ({}, False)
        await until(lambda: len(asyncio.all_tasks()) <= before)
        await until(lambda: left_of_sockets() == 0)
    finally:
        gc.enable()


def left_of_sockets() -> int:
    """How many objects of sockets and their subscriptions are in memory, whether or not anybody knows them."""
    kinds = (Socket, Context, EventExecutor, InterpretedEvents, Subscriber, ServerProtocol)
    return sum(type(each) in kinds for each in gc.get_objects())


async def test_a_reader_that_does_not_read_is_not_queued_for(start: Start, clock: ManualClock) -> None:
    """What the system and the process take is bounded; of all else it finds the newest tick of each countdown."""
    porchlight = await start(rate_limits=False)
    person = await porchlight.register()
    many = " ".join(f"again{number}: endsAt" for number in range(25))
    async with porchlight.connect(token=person.access_token) as connection:
        for number in range(40):
            await connection.subscribe(f"subscription {{ trialCountdown {{ secondsLeft {many} }} }}", str(number))
        for _ in range(40):
            await connection.receive()
        connection.raw.transport.pause_reading()
        peer = connection.raw.transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(100):
            await clock.run(1)
        connection.raw.transport.resume_reading()
        newest: dict[str, int] = {}
        received = 0
        while len(newest) < 40 or set(newest.values()) != {TWO_WEEKS - 100}:
            message = await connection.receive()
            newest[message["id"]] = message["payload"]["data"]["trialCountdown"]["secondsLeft"]
            received += 1
        assert received < 100 * 40 / 4
