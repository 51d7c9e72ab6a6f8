"""The line in which sockets wait to open: who is served in which order, who is sent away, and who never waits."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from adapters.database.database import POOL_SIZE
from core.errors import Unavailable
from models import Session
from services import access, trials
from services.turns import AT_ONCE, OF_ONE, RETRY_AFTER, Share, Turns
from tests.clock import settle
from tests.porchlight import Porchlight
from tests.services.valkey import until
from web import watch

COUNTDOWN = "subscription { trialCountdown(everySeconds: 3600) { version } }"
BUSY = {"code": "UNAVAILABLE", "retryAfter": RETRY_AFTER}


async def test_a_line_is_served_in_its_order_and_has_an_end() -> None:
    """Nobody is overtaken, who leaves the line makes room in it, and who finds it full is told when to come back."""
    turns = Turns(at_once=1, waiting=2)
    served: list[str] = []

    async def come(name: str) -> None:
        async with turns.turn():
            served.append(name)

    async with turns.turn():
        first, second = asyncio.create_task(come("first")), asyncio.create_task(come("second"))
        await settle()
        with pytest.raises(Unavailable) as refused:
            await come("third")
        assert (refused.value.retry_after, turns.waiting) == (RETRY_AFTER, 2)
        first.cancel()
        await settle()
        fourth = asyncio.create_task(come("fourth"))
        await settle()
        assert served == []
    await asyncio.gather(second, fourth)
    assert (served, turns.waiting) == (["second", "fourth"], 0)


async def test_few_open_at_a_time_and_all_do(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many subscribe in one moment, fewer stand at the database than it has connections; each has its tick."""
    busy, most = 0, 0

    def counted(module: Any, name: str) -> None:
        run = getattr(module, name)

        async def counting(*args: Any) -> Any:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            try:
                await asyncio.sleep(0)
                return await run(*args)
            finally:
                busy -= 1

        monkeypatch.setattr(module, name, counting)

    counted(access, "renewed")
    counted(trials, "watch")
    person = await porchlight.register()
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(porchlight.connect(token=person.access_token)) for _ in range(3)]
        for number in range(20):
            for connection in connections:
                await connection.subscribe(COUNTDOWN, str(number))
        for connection in connections:
            assert {(await connection.receive())["type"] for _ in range(20)} == {"next"}
    assert most == AT_ONCE < POOL_SIZE


async def test_who_waits_keeps_nobody_else(porchlight: Porchlight) -> None:
    """While a line stands still, HTTP is answered, and an untold end of a session is found, which frees its places.

    A socket stands in it with four of its operations at most.
    """
    porchlight.app.openings = turns = Turns(at_once=1)
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    async with (
        porchlight.connect(token=ada.access_token) as ending,
        porchlight.connect(token=grace.access_token) as other,
    ):
        async with turns.turn():
            for number in range(10):
                await ending.subscribe(COUNTDOWN, str(number))
            await other.subscribe(COUNTDOWN)
            await until(lambda: turns.waiting == OF_ONE + 1)
            assert await porchlight.ask("{ me { email } }", token=grace.access_token) == {
                "me": {"email": "grace@example.com"}
            }
            with porchlight.app.database.bound():
                await Session.filter(user_id=ada.user_id).update(revoked_at=porchlight.clock.now())
            await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))
            assert await ending.closed() == (4401, "The session has ended")
            await until(lambda: turns.waiting == 1)
        assert await other.next() == {"data": {"trialCountdown": {"version": 1}}}


async def test_one_socket_does_not_fill_the_line() -> None:
    """Who comes behind one with many operations has their turn after four of them."""
    line, many, other, served = Turns(at_once=1), Share(), Share(), list[str]()

    async def open_(share: Share, name: str) -> None:
        async with share.turn(line):
            served.append(name)

    async with asyncio.TaskGroup() as group, line.turn():
        for _ in range(10):
            group.create_task(open_(many, "many"))
        group.create_task(open_(other, "other"))
        await until(lambda: line.waiting == OF_ONE + 1)
    assert served == ["many"] * OF_ONE + ["other"] + ["many"] * (10 - OF_ONE)


async def test_one_client_keeps_no_other_out_of_the_line() -> None:
    """A client with thousands waits for itself: another one is next but one, and has a place when all are taken."""
    turns, served = Turns(at_once=1, waiting=6), list[str]()

    async def come(client: str, name: str) -> None:
        async with turns.turn(client):
            served.append(name)

    async with asyncio.TaskGroup() as group, turns.turn("first"):
        many = [group.create_task(_sent_away(come("many", f"many {number}"))) for number in range(6)]
        await until(lambda: turns.waiting == 6)
        assert await _sent_away(come("many", "one more"))
        others = [group.create_task(_sent_away(come("other", f"other {number}"))) for number in range(4)]
        await until(lambda: all(task.done() for task in (*many[3:], others[3])))
        many[1].cancel()
        await until(lambda: turns.waiting == 5)
        third = group.create_task(_sent_away(come("third", "third")))
        await until(lambda: turns.waiting == 6)
    assert [await task for task in (many[0], *many[2:], *others, third)] == [
        False, False, True, True, True, False, False, False, True, False
    ]  # fmt: skip
    assert served == ["many 0", "other 0", "third", "many 2", "other 1", "other 2"]
    assert turns.waiting == 0


async def _come(turns: Turns, client: str) -> None:
    async with turns.turn(client):
        await asyncio.sleep(0)


async def _sent_away(coming: Coroutine[Any, Any, None]) -> bool:
    """Whether there was no place, or it was taken away again."""
    try:
        await coming
    except Unavailable as refused:
        return refused.retry_after == RETRY_AFTER
    return False


async def test_a_turn_that_comes_too_late_goes_to_the_next() -> None:
    """Who is cancelled in the step in which their turn comes, or their place goes, leaves nothing behind."""
    turns = Turns(at_once=1, waiting=3)

    async def come(client: str) -> None:
        async with turns.turn(client):
            await asyncio.sleep(0)

    async with turns.turn():
        leaving, served, last = (asyncio.create_task(come("a")) for _ in range(3))
        await settle()
        other = asyncio.create_task(come("b"))
        last.cancel()
        await asyncio.sleep(0)
        leaving.cancel()
    other.cancel()
    await asyncio.wait([leaving, served, last, other])
    assert [task.cancelled() for task in (leaving, served, last, other)] == [True, False, True, True]
    assert (served.exception(), turns.waiting) == (None, 0)
    async with turns.turn():
        assert turns.waiting == 0


async def test_a_full_line_of_equals_keeps_its_places() -> None:
    """Nobody is sent away for somebody who would then have as many."""
    turns = Turns(at_once=1, waiting=3)
    async with turns.turn():
        several = [asyncio.create_task(_come(turns, client)) for client in ("a", "a", "b")]
        await settle()
        assert await _sent_away(_come(turns, "b"))
        several.append(asyncio.create_task(_come(turns, "c")))
        await asyncio.sleep(0)
        for task in several:  # the second one hears in the same step that its place is gone
            task.cancel()


async def test_a_full_line_is_told(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation is answered with UNAVAILABLE and when to come back, a new socket with 1013; the old one stays."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        full, open_ = Turns(waiting=0), porchlight.app.openings
        porchlight.app.openings = full
        async with porchlight.connect(init=False) as late:
            await late.send(type="connection_init", payload={"Authorization": f"Bearer {person.access_token}"})
            assert await late.closed() == (1013, "UNAVAILABLE")
        await connection.subscribe(COUNTDOWN)
        error = (await connection.receive())["payload"][0]
        assert error == {"message": Unavailable.message, "extensions": BUSY}
        renew = access.renewed

        async def renewed(*args: Any) -> Any:
            porchlight.app.openings = full
            return await renew(*args)

        monkeypatch.setattr(access, "renewed", renewed)
        porchlight.app.openings = open_
        await connection.subscribe(COUNTDOWN)
        message = await connection.receive()
        assert (message["type"], message["payload"][0]["extensions"]) == ("error", BUSY)
        porchlight.app.openings = open_
        await connection.subscribe("{ __typename }")
        assert await connection.next() == {"data": {"__typename": "Query"}}
