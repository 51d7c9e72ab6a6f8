"""The chain of the audit log: what is changed, taken away or put in shows."""

import asyncio
import hmac
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs
from tortoise.exceptions import IntegrityError

from core.errors import Unavailable
from core.settings import Settings
from models import AuditEvent, Job
from services import audit
from services.app import App, open_app
from services.audit import Action, BrokenChainError, Head, chaining, verifying
from services.sessions import Client
from tests.clock import START, ManualClock
from worker.loop import Worker
from worker.schedule import SCHEDULE
from worker.tasks import TASKS


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, whose database the test uses."""
    async with open_app(settings, clock=clock) as app:
        yield app


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- each test reads rows
def bound(app: App) -> Any:
    with app.database.bound():
        yield


async def happened(app: App, count: int, *, first: int = 0) -> None:
    """So many events, each with other data."""
    for number in range(first, first + count):
        await audit.record(
            app,
            Action.SIGNED_IN,
            user_id=number,
            subject=f"Session:{number}",
            client=Client(ip=f"203.0.113.{number % 250}"),
            methods=["pwd", "otp"],
            number=number,
            note="Zoë — ½ 😀",
            share=0.1 * number,
        )


async def chained(app: App, count: int) -> Head:
    """So many events with a place each."""
    await happened(app, count)
    await audit.chain(app, {})
    return await audit.verify(app)


async def order() -> list[int | None]:
    """The events' ids in the order of the chain."""
    return [row.id for row in await AuditEvent.filter(sequence__isnull=False).order_by("sequence")]


async def broken(app: App, kept: Head | None = None) -> str:
    """Why the log does not verify."""
    with pytest.raises(BrokenChainError) as caught:
        await audit.verify(app, kept)
    return caught.value.message


async def test_events_get_their_places_in_order(app: App) -> None:
    """1, 2, 3 …, each with a hash of its own; chaining again changes nothing, and later events go on from there."""
    assert await audit.verify(app) == Head() == await audit.head()
    assert await chained(app, 3) == await audit.head()
    before = await AuditEvent.all().order_by("id").values("id", "sequence", "hash")
    assert [row["sequence"] for row in before] == [1, 2, 3]
    assert len({row["hash"] for row in before}) == 3
    await audit.chain(app, {})
    assert await AuditEvent.all().order_by("id").values("id", "sequence", "hash") == before
    await happened(app, 2)
    await audit.chain(app, {})
    assert (await audit.verify(app)).sequence == 5


async def test_more_than_a_batch_is_chained_and_verified(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the sizes of the batches are."""
    monkeypatch.setattr(chaining, "BATCH", 7)
    monkeypatch.setattr(verifying, "BATCH", 4)
    with capture_logs() as logs:
        head = await chained(app, 23)
    assert head.sequence == 23
    said = [line for line in logs if line["event"] == "audit.chained"]
    assert said == [{"event": "audit.chained", "events": 23, "head": str(head), "log_level": "info"}]


async def test_a_backlog_is_chained_by_several_jobs(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """One job does so many batches, and ends before its lease does; the next one goes on."""
    monkeypatch.setattr(chaining, "BATCH", 2)
    monkeypatch.setattr(chaining, "BATCHES", 3)
    await happened(app, 10)
    for left in (4, 0, 0):
        await audit.chain(app, {})
        assert (await audit.waiting())[0] == left
    assert (await audit.verify(app)).sequence == 10


async def test_hashes_are_made_with_a_key(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write the table and has another key makes other hashes, and those do not verify."""
    head = await chained(app, 1)
    genuine = app.keys

    class Other:
        def identity(self, purpose: str, data: str) -> str:
            return hmac.digest(b"another key", f"{purpose}{data}".encode(), "sha256").hex()

    monkeypatch.setattr(app, "keys", Other())
    forged = chaining.link(app, await AuditEvent.get(), Head())
    assert (forged.sequence, forged.hash == head.hash) == (1, False)
    monkeypatch.setattr(app, "keys", genuine)
    await AuditEvent.all().update(hash=forged.hash)
    assert "Event 1 " in await broken(app)


@pytest.mark.parametrize(
    "change",
    [
        {"action": "account.suspended"},
        {"actor_id": 7},
        {"user_id": 7},
        {"user_id": None},
        {"subject": "Session:7"},
        {"subject": None},
        {"ip": "203.0.113.77"},
        {"at": START + timedelta(microseconds=1)},
        {"data": {}},
        {"data": {"methods": ["pwd"]}},
        {"hash": "0" * 64},
        {"hash": None},
    ],
)
async def test_each_changed_column_shows(app: App, change: dict[str, Any]) -> None:
    """Whichever it is, and in whichever event."""
    await chained(app, 5)
    await AuditEvent.filter(sequence=3).update(**change)
    assert await broken(app) == "Event 3 (id 3, " + (change.get("action") or "account.signed_in") + (
        ") is not what was written."
    )


async def test_another_id_shows(app: App) -> None:
    """An event's number is part of what its hash covers."""
    await chained(app, 3)
    await app.database.execute("UPDATE audit_events SET id = 99 WHERE sequence = 2")
    assert "Event 2 (id 99" in await broken(app)


async def test_what_is_taken_away_shows(app: App) -> None:
    """In the middle and at the front; closing the gap does not help."""
    await chained(app, 5)
    await AuditEvent.filter(sequence=3).delete()
    assert await broken(app) == "Event 3 is missing."
    await AuditEvent.filter(sequence=4).update(sequence=3)
    assert "Event 3 (id 4" in await broken(app)
    await AuditEvent.filter(sequence=1).delete()
    assert await broken(app) == "Event 1 is missing."


async def test_another_order_shows(app: App) -> None:
    """Two events that change places, with their hashes or without."""
    await chained(app, 4)
    second, third = await AuditEvent.get(sequence=2), await AuditEvent.get(sequence=3)
    await AuditEvent.filter(id=second.id).update(sequence=99)
    await AuditEvent.filter(id=third.id).update(sequence=2)
    await AuditEvent.filter(id=second.id).update(sequence=3)
    assert "Event 2 (id 3" in await broken(app)


async def test_what_is_put_in_with_a_place_shows(app: App) -> None:
    """At the end, behind a gap or before the first: nobody without the key can make its hash."""
    head = await chained(app, 2)
    for place, said in ((3, "Event 3 (id "), (9, "Event 3 is missing."), (0, "before the first one"), (-4, "before")):
        forged = await AuditEvent.create(action="x", at=START, data={}, sequence=place, hash=head.hash)
        assert said in await broken(app)
        await forged.delete()
    assert await audit.verify(app) == head


async def test_an_end_that_is_cut_off_shows_by_a_kept_head(app: App) -> None:
    """The chain alone does not tell; a head that was kept elsewhere does, and goes on to fit as the chain grows."""
    early = await chained(app, 3)
    await happened(app, 2)
    await audit.chain(app, {})
    late = await audit.head()
    assert await audit.verify(app, early) == await audit.verify(app, late) == await audit.verify(app, Head()) == late
    await AuditEvent.filter(sequence__gt=4).delete()
    assert (await audit.verify(app)).sequence == 4
    assert (await audit.verify(app, early)).sequence == 4
    assert await broken(app, late) == "The chain ends at 4, before the event whose hash was kept."


async def test_an_end_that_is_written_anew_shows_by_a_kept_head(app: App) -> None:
    """Whoever empties the places lets our own worker make new hashes: the kept head differs."""
    head = await chained(app, 4)
    await AuditEvent.filter(sequence__gt=2).update(sequence=None, hash=None)
    await AuditEvent.filter(id=4).update(user_id=99)
    await audit.chain(app, {})
    assert (await audit.verify(app)).sequence == 4
    assert await broken(app, head) == "Event 4 is not the one whose hash was kept."


async def test_late_commit_comes_later_in_the_chain(app: App) -> None:
    """An event whose transaction ends after the chain has passed its id is chained behind, and loses nothing."""
    await happened(app, 3)
    late = await AuditEvent.get(id=2)
    await late.delete()
    await audit.chain(app, {})
    await AuditEvent.create(
        id=2, action=late.action, user_id=late.user_id, subject=late.subject, ip=late.ip, at=late.at, data=late.data
    )
    await audit.chain(app, {})
    assert await order() == [1, 3, 2]
    assert (await audit.verify(app)).sequence == 3


async def test_what_is_not_committed_is_not_chained(app: App, settings: Settings, clock: ManualClock) -> None:
    """A sign-in that is still going on keeps nobody from chaining, and what is rolled back leaves no gap."""
    await happened(app, 1)

    class GivenUpError(Exception):
        pass

    async def given_up(other: App) -> None:
        async with other.database.transaction():
            await audit.record(other, Action.SIGNED_IN)
            if app.database.dialect == "postgres":
                await audit.chain(app, {})
            raise GivenUpError

    async with open_app(settings, clock=clock) as other:
        with pytest.raises(GivenUpError):
            await given_up(other)
    await happened(app, 1)
    await audit.chain(app, {})
    assert (await audit.verify(app)).sequence == 2
    assert await audit.waiting() == (0, None)


async def test_two_chainers_at_once_make_one_chain(
    app: App, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four workers chain while events come in: every event has one place, and none is left out."""
    monkeypatch.setattr(chaining, "BATCH", 5)
    done = asyncio.Event()

    async def keep_chaining(other: App) -> None:
        with other.database.bound():
            while not done.is_set():
                await audit.chain(other, {})
                await asyncio.sleep(0)

    async def write(other: App, first: int) -> None:
        with other.database.bound():
            await happened(other, 30, first=first)

    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(open_app(settings, clock=clock)) for _ in range(4)]
        chaining_tasks = [asyncio.create_task(keep_chaining(other)) for other in others]
        await asyncio.gather(*(write(other, 30 * number) for number, other in enumerate(others)))
        done.set()
        await asyncio.gather(*chaining_tasks)
    await audit.chain(app, {})
    assert (await audit.verify(app)).sequence == 120
    assert sorted(row["user_id"] for row in await AuditEvent.all().values("user_id")) == list(range(120))


async def test_chainer_that_is_overtaken_gives_way(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one has taken the places just before: nothing of the batch is kept, and the job is tried again."""
    await happened(app, 3)
    head = chaining.head

    async def outdated() -> Head:
        found = await head()
        await AuditEvent.filter(id=2).update(sequence=50, hash="0" * 64)
        return found

    monkeypatch.setattr(chaining, "head", outdated)
    with pytest.raises(Unavailable):
        await audit.chain(app, {})
    assert await AuditEvent.filter(sequence__isnull=False).count() == 0
    monkeypatch.undo()

    await audit.chain(app, {})
    await happened(app, 1)
    monkeypatch.setattr(chaining, "head", AsyncMock(return_value=Head()))
    with pytest.raises(IntegrityError):
        await audit.chain(app, {})
    assert (await audit.verify(app)).sequence == 3


async def test_chainer_that_dies_leaves_a_chain_that_holds(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of its second batch: the first one stands, the rest is chained by the next."""
    monkeypatch.setattr(chaining, "BATCH", 4)
    await happened(app, 10)
    link, calls = chaining.link, iter(range(99))

    def dying(*given: Any) -> Head:
        if next(calls) == 6:
            raise asyncio.CancelledError
        return link(*given)

    monkeypatch.setattr(chaining, "link", dying)
    with pytest.raises(asyncio.CancelledError):
        await audit.chain(app, {})
    monkeypatch.setattr(chaining, "link", link)
    assert (await audit.verify(app)).sequence == 4
    await audit.chain(app, {})
    assert (await audit.verify(app)).sequence == 10


async def test_events_are_chained_within_a_minute(app: App, clock: ManualClock) -> None:
    """By the worker, without anybody's doing."""
    worker = Worker(app, TASKS, schedule=SCHEDULE)
    await happened(app, 2)
    assert await audit.waiting() == (2, START)
    await clock.advance(timedelta(seconds=30))
    await worker._schedule.enqueue()
    await worker.drain()
    assert await audit.waiting() == (0, None)
    assert (await audit.verify(app)).sequence == 2
    assert await Job.filter(kind=audit.CHAIN, done_at__isnull=False).count() == 1
