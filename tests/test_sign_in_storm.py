"""A storm of sign-ins: who has a place in the hashes, and when the others are asked back (ADR 0055)."""

import asyncio
from collections import Counter
from collections.abc import Generator, Mapping
from threading import Event
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
import structlog

from adapters.limits import Allowance
from core import passwords
from core.errors import Unavailable
from core.passwords import LONGEST, QUEUE_PER_WORKER, REMEMBERED, SOONEST, USUAL, Pool
from services import attempts
from services.sessions import Client
from tests.porchlight import Porchlight
from tests.services.valkey import until

ROOM = 1 + QUEUE_PER_WORKER


class Gate:
    """Until it is opened, no hash comes to its end."""

    def __init__(self) -> None:
        self.begun, self.opened = Event(), Event()

    def verify(self, *_: object) -> bool:
        """A wrong password."""
        self.begun.set()
        self.opened.wait(10)
        return False


@pytest.fixture
def gate(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> Generator[Gate]:
    """What hashes have to pass."""
    gate = Gate()
    monkeypatch.setattr(porchlight.app.passwords, "_verify", gate.verify)
    yield gate
    gate.opened.set()


async def sign_in(porchlight: Porchlight, number: int = 0) -> None:
    """A guess at an account that is not there; it is none of a request, so its statements are marked as if it were."""
    with porchlight.app.database.bound(), structlog.contextvars.bound_contextvars(request_id="storm"):
        guess: dict[str, Any] = {"password": "a wrong one", "device": None, "challenge_answer": None}
        assert await attempts.sign_in(
            porchlight.app, email=f"{number}@example.com", client=Client(ip="192.0.2.1"), **guess
        ) is None  # fmt: skip


@pytest.fixture
def porchlight_pool(porchlight: Porchlight) -> Pool:
    """Where the server hashes."""
    pool = porchlight.app.passwords._hashing
    pool.room = ROOM
    return pool


async def test_who_comes_together_gets_the_places_there_are(
    porchlight: Porchlight, porchlight_pool: Pool, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly so many are let in, though nobody has begun to hash; the others read nothing and are not counted."""
    counted: list[Mapping[str, Allowance]] = []
    count = porchlight.app.limits.count

    async def counting(allowances: Mapping[str, Allowance]) -> Any:
        counted.append(allowances)
        return await count(allowances)

    monkeypatch.setattr(porchlight.app.limits, "count", counting)
    with porchlight.counting_queries() as statements:
        guesses = [asyncio.ensure_future(sign_in(porchlight, number)) for number in range(ROOM + 30)]
        await until(lambda: len(counted) == ROOM)
        refused = await asyncio.gather(*guesses[ROOM:], return_exceptions=True)
        assert (len(statements), porchlight_pool.pending) == (ROOM, ROOM)
    assert [type(refusal) for refusal in refused] == [Unavailable] * 30
    gate.opened.set()
    await asyncio.gather(*guesses[:ROOM])
    await until(lambda: porchlight_pool.pending == 0)


async def test_a_place_is_given_back_whatever_happens(
    porchlight: Porchlight, porchlight_pool: Pool, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once by who leaves or fails before a hash has begun; by who leaves during one, when its thread is done."""
    reached, held = asyncio.Event(), asyncio.Event()

    async def waiting(_: object) -> None:
        reached.set()
        await held.wait()
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(porchlight.app.limits, "count", waiting)
        leaving = asyncio.ensure_future(sign_in(porchlight))
        await reached.wait()
        assert porchlight_pool.pending == 1
        leaving.cancel()
        await asyncio.wait([leaving])
        assert (leaving.cancelled(), porchlight_pool.pending) == (True, 0)
        held.set()
        with pytest.raises(ConnectionError):
            await sign_in(porchlight)
        assert porchlight_pool.pending == 0
    leaving = asyncio.ensure_future(sign_in(porchlight))
    await asyncio.to_thread(gate.begun.wait, 10)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert (leaving.cancelled(), porchlight_pool.pending) == (True, 1)
    gate.opened.set()
    await until(lambda: porchlight_pool.pending == 0)


async def test_a_crowd_is_not_asked_back_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each when one more can be served, as fast as hashes have been of late; more than can be are spread evenly.

    They are told whole seconds, and wait for the rest before they are told.
    """
    clock, loop = Mock(), Mock(sleep=AsyncMock())
    monkeypatch.setattr(passwords, "time", clock)
    monkeypatch.setattr(passwords, "asyncio", loop)
    pool = Pool(2, "hashes")
    pool.room, step = 0, USUAL / 2

    async def told(at: float) -> float:
        clock.monotonic.return_value = at
        with pytest.raises(Unavailable) as refused:
            async with pool.place():
                pytest.fail("There is no room.")
        rest, whole = loop.sleep.await_args.args[0], refused.value.retry_after
        assert (rest < 1, whole) == (True, int(whole))
        return float(rest + whole)

    assert [await told(0.0) for _ in range(3)] == pytest.approx([SOONEST + place * step for place in (1, 2, 3)])
    assert await told(2 * step) == pytest.approx(SOONEST + 2 * step)
    assert await told(60.0) == pytest.approx(SOONEST + step)
    pool.timed(lambda: clock.configure_mock(**{"monotonic.return_value": 61.0}))
    step = (USUAL + REMEMBERED * (1 - USUAL)) / 2
    all_told = [await told(61.0) for _ in range(1000)]
    assert min(all_told) == pytest.approx(SOONEST + step)
    assert max(all_told) <= LONGEST
    by_second = Counter(int(seconds) for seconds in all_told if seconds < int(LONGEST))
    assert max(by_second.values()) <= 1.2 * 1000 / (LONGEST - SOONEST)
    pool.close()
