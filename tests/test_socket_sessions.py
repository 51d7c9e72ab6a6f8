"""A socket lives as long as its session, however slowly its client reads."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from starlette.websockets import WebSocket
from structlog.testing import capture_logs

from models import Session, User
from models.accounts import Role
from services import sessions
from services.app import App
from services.sessions import State
from tests.clock import settle
from tests.conftest import Start
from tests.porchlight import PASSWORD, REGISTER, Connection, Person, Porchlight
from tests.services.valkey import until
from tests.slow_hashes import SlowHashes
from tests.test_sockets import COUNTDOWN, all_let_go, still_serves
from web import watch
from web.sockets.connection import Socket

ENDED = (4401, "The session has ended")


async def test_signing_out_closes_the_sockets_of_the_session(porchlight: Porchlight) -> None:
    """All of them, at once, and nobody else's; not even those of the user's other session."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    async with (
        porchlight.connect(token=ada.access_token) as first,
        porchlight.connect(token=ada.access_token) as second,
        porchlight.connect(token=grace.access_token) as other,
        porchlight.connect() as anonymous,
    ):
        await first.subscribe(COUNTDOWN)
        await first.next()
        await porchlight.ask("mutation { logout }", token=ada.access_token)
        assert [await first.closed(), await second.closed()] == [ENDED, ENDED]
        await still_serves(other)
        await still_serves(anonymous)
        assert porchlight.app.countdown.subscribers == 0


async def test_who_signs_out_over_a_socket_hears_the_answer_first(porchlight: Porchlight) -> None:
    """Then the socket closes."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN, "countdown")
        await connection.next()
        await connection.subscribe("mutation { logout }")
        assert await connection.receive() == {"id": "1", "type": "next", "payload": {"data": {"logout": True}}}
        assert await connection.closed() == ENDED
    await all_let_go(porchlight)


@pytest.mark.parametrize("settings", ["production"], indirect=True)
async def test_other_processes_close_theirs(porchlight: Porchlight, start: Start) -> None:
    """What one process ends, the bus tells the others."""
    other = await start()
    person = await porchlight.register()
    async with other.connect(token=person.access_token) as connection:
        await still_serves(connection)
        await porchlight.ask("mutation { logout }", token=person.access_token)
        assert await connection.closed() == ENDED


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_process_that_was_not_told_asks(porchlight: Porchlight, start: Start) -> None:
    """Beside a server without a shared bus, the next operation finds out, or the next review at the latest."""
    other = await start()
    person = await porchlight.register()
    async with (
        other.connect(token=person.access_token) as asking,
        other.connect(token=person.access_token) as silent,
    ):
        await still_serves(silent)
        await porchlight.ask("mutation { logout }", token=person.access_token)
        await still_serves_not(asking)
        await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))
        assert await silent.closed() == ENDED


async def still_serves_not(connection: Connection) -> None:
    """The next operation ends the connection."""
    await connection.subscribe("{ __typename }")
    assert await connection.closed() == ENDED


async def test_sessions_are_reviewed_when_messages_may_be_lost(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that ended unheard takes its sockets along, however many there are; the others stay."""
    monkeypatch.setattr(watch, "REVIEWED_AT_ONCE", 2)
    people = [await porchlight.register(f"ada{number}@example.com") for number in range(5)]
    async with (
        porchlight.connect(token=people[0].access_token) as first,
        porchlight.connect(token=people[1].access_token) as second,
        porchlight.connect(token=people[2].access_token) as third,
        porchlight.connect(token=people[3].access_token) as fourth,
        porchlight.connect(token=people[4].access_token) as fifth,
    ):
        with porchlight.app.database.bound():
            ended = [people[number].user_id for number in (1, 4)]
            await Session.filter(user_id__in=ended).update(revoked_at=porchlight.clock.now())
        tell_again(porchlight)
        assert [await second.closed(), await fifth.closed()] == [ENDED, ENDED]
        for connection in (first, third, fourth):
            await still_serves(connection)


async def test_a_session_may_end_twice(porchlight: Porchlight) -> None:
    """The second time finds nothing left to close."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        with porchlight.app.database.bound():
            key = (await Session.get()).key
            await Session.all().update(revoked_at=porchlight.clock.now())
        await asyncio.gather(*(porchlight.app.bus.publish(sessions.CHANNEL, key) for _ in range(2)))
        assert await connection.closed() == ENDED
    await all_let_go(porchlight)


def tell_again(porchlight: Porchlight) -> None:
    """What a bus does that could not hear for a while."""
    bus: Any = porchlight.app.bus
    getattr(bus, "_local", bus).resync()


SUSPENDED = (4403, "The account has been suspended")
LOWERED = (4403, "The role has changed")


async def change(porchlight: Porchlight, person: Person, how: str, *, told: bool) -> None:
    """Do to an account what an administrator may, and tell of it unless the message is to be lost."""
    now = porchlight.clock.now()
    with porchlight.app.database.bound():
        user = User.filter(id=person.user_id)
        match how:
            case "suspended":
                await user.update(suspended_at=now)
                await sessions.revoke_all(porchlight.app, person.user_id, reason="SUSPENDED")
            case "deleted":
                await user.delete()
            case "lowered":
                await user.update(role=Role.ANALYST)
            case "raised":
                await user.update(role=Role.ADMIN)
            case "revoked":
                await sessions.revoke_all(porchlight.app, person.user_id, reason="PASSWORD_CHANGED")
        if told:
            await sessions.tell_of(porchlight.app, person.user_id)


@pytest.mark.parametrize("told", [True, False], ids=["told", "lost"])
@pytest.mark.parametrize(
    ("how", "end"),
    [("suspended", SUSPENDED), ("deleted", ENDED), ("lowered", LOWERED), ("revoked", ENDED)],
    ids=["suspended", "deleted", "lowered", "revoked"],
)
async def test_who_may_less_loses_the_socket(
    porchlight: Porchlight, how: str, end: tuple[int, str], *, told: bool
) -> None:
    """At once when the bus tells of it, else within the bound; others keep theirs."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    with porchlight.app.database.bound():
        await User.all().update(role=Role.SUPPORT)
    async with (
        porchlight.connect(token=ada.access_token) as first,
        porchlight.connect(token=grace.access_token) as other,
    ):
        await change(porchlight, ada, how, told=told)
        if not told:
            await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))
        assert await first.closed() == end
        await still_serves(other)
    await all_let_go(porchlight)


async def test_what_a_socket_asks_next_shows_that_its_user_may_less(porchlight: Porchlight) -> None:
    """Before any message and any look: the operation is refused, and the socket ends."""
    for how, end in (("suspended", SUSPENDED), ("lowered", LOWERED), ("revoked", ENDED)):
        person = await porchlight.register(f"{how}@example.com")
        with porchlight.app.database.bound():
            await User.filter(id=person.user_id).update(role=Role.SUPPORT)
        async with porchlight.connect(token=person.access_token) as connection:
            await change(porchlight, person, how, told=False)
            await connection.subscribe("{ me { email } }")
            assert await connection.closed() == end


async def test_a_role_that_was_raised_is_remembered(porchlight: Porchlight) -> None:
    """A raise ends nothing; once it was used, its end ends the socket though that began below."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await change(porchlight, person, "raised", told=True)
        await connection.subscribe("{ me { role } }")
        assert await connection.next() == {"data": {"me": {"role": "ADMIN"}}}
        await change(porchlight, person, "lowered", told=True)
        assert await connection.closed() == LOWERED


@contextmanager
def own_queries() -> Generator[list[str]]:
    """Every SQL statement of this task meanwhile: what workers and keepers look at in the same moment is none of it."""
    statements: list[str] = []
    task = asyncio.current_task()

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if asyncio.current_task() is task:
                statements.append(record.getMessage())

    recorder, logger = Recorder(), logging.getLogger("tortoise.db_client")
    level = logger.level
    logger.addHandler(recorder)
    logger.setLevel(logging.DEBUG)
    try:
        yield statements
    finally:
        logger.removeHandler(recorder)
        logger.setLevel(level)


async def test_a_look_costs_one_query_a_thousand_sockets(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often one asks, and it reads no row; only when some have to go it looks for those, by two more."""
    counted: list[tuple[str, int]] = []

    def counting(name: str) -> None:
        look = getattr(sessions, name)

        async def looking(app: App, keys: list[str]) -> Any:
            with own_queries() as statements:
                found = await look(app, keys)
            counted.append((name, len(statements)))
            return found

        monkeypatch.setattr(sessions, name, looking)

    counting("all_stand")
    counting("states_of")
    people = [await porchlight.register(f"ada{number}@example.com") for number in range(3)]
    async with AsyncExitStack() as stack:
        for person in people:
            await stack.enter_async_context(porchlight.connect(token=person.access_token))
        await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))
        await until(lambda: counted == [("all_stand", 1)])
        with porchlight.app.database.bound():
            await Session.filter(user_id=people[0].user_id).update(revoked_at=porchlight.clock.now())
        await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))
        await until(lambda: counted == [("all_stand", 1), ("all_stand", 1), ("states_of", 2)])


async def test_a_session_that_expires_takes_its_sockets_along(porchlight: Porchlight) -> None:
    """Nobody tells of it: the clock does, within seconds. An access token's end changes nothing."""
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await porchlight.clock.advance(timedelta(minutes=11))
        await still_serves(connection)
        await porchlight.clock.jump(porchlight.clock.now() + timedelta(days=13))
        await still_serves(connection)
        await porchlight.clock.jump(porchlight.clock.now() + timedelta(days=1))
        assert await connection.closed() == ENDED


async def test_who_should_be_deleted_by_now_loses_the_socket(porchlight: Porchlight) -> None:
    """Also while the job that deletes is late."""
    ada, grace = await porchlight.register(), await porchlight.register("grace@example.com")
    async with (
        porchlight.connect(token=ada.access_token) as connection,
        porchlight.connect(token=grace.access_token) as other,
    ):
        await still_serves(connection)
        await still_serves(other)
        with porchlight.app.database.bound():
            await User.filter(id=ada.user_id).update(deletion_at=porchlight.clock.now())
            await User.filter(id=grace.user_id).update(deletion_at=porchlight.clock.now() + timedelta(days=1))
        await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))
        assert await connection.closed() == ENDED
        await still_serves(other)


async def test_a_review_that_fails_is_repeated(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away for a moment does not let ended sessions live on."""
    person = await porchlight.register()
    look = sessions.states_of
    failed = asyncio.Event()

    async def once_away(app: App, keys: list[str]) -> dict[str, State]:
        if not failed.is_set():
            failed.set()
            raise ConnectionResetError
        return await look(app, keys)

    monkeypatch.setattr(sessions, "states_of", once_away)
    async with porchlight.connect(token=person.access_token) as connection:
        with porchlight.app.database.bound():
            await Session.all().update(revoked_at=porchlight.clock.now())
        await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))
        await asyncio.wait_for(failed.wait(), 20)
        await settle()
        await porchlight.clock.advance(timedelta(seconds=watch.REVIEW_INTERVAL))
        assert await connection.closed() == ENDED


@dataclass
class Deaf:
    """Clients to whom nothing leaves until they read again."""

    reading: asyncio.Event = field(default_factory=asyncio.Event)
    sockets: set[int] = field(default_factory=set)


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> Deaf:
    """Clients that stop to read once an operation of theirs that is called `slow` is answered.

    What the server sees when a client does not read. The kernel would take megabytes first.
    """
    deaf = Deaf()
    send = WebSocket.send

    async def waiting(self: WebSocket, message: Any) -> None:
        if '"id":"slow"' in message.get("text", ""):
            deaf.sockets.add(id(self))
        if id(self) in deaf.sockets:
            await deaf.reading.wait()
        await send(self, message)

    monkeypatch.setattr(WebSocket, "send", waiting)
    return deaf


async def test_a_slow_reader_gets_the_newest_tick_and_blocks_nobody(porchlight: Porchlight, deaf: Deaf) -> None:
    """While it does not read, others are served; when it reads again, it finds the first tick and the last."""
    slow, quick = await porchlight.register(), await porchlight.register("grace@example.com")
    async with (
        porchlight.connect(token=slow.access_token) as connection,
        porchlight.connect(token=quick.access_token) as other,
    ):
        await connection.subscribe(COUNTDOWN, "slow")
        await until(lambda: porchlight.app.countdown.subscribers == 1)
        await other.subscribe(COUNTDOWN)
        for second in range(50):
            assert (await other.next())["data"]["trialCountdown"]["secondsLeft"] == 14 * 86_400 - second
            await porchlight.clock.advance(timedelta(seconds=1))
        deaf.reading.set()
        ticks = [(await connection.next())["data"]["trialCountdown"]["secondsLeft"] for _ in range(2)]
        assert ticks == [14 * 86_400, 14 * 86_400 - 50]
        await connection.send(id="slow", type="complete")
        await still_serves(connection)


@pytest.mark.usefixtures("deaf")
async def test_a_slow_reader_is_cut_off_when_its_session_ends(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot keep the server from letting go by not reading; the log has a line of it that is no error."""
    monkeypatch.setattr("web.sockets.connection.CLOSE_TIMEOUT", 0.1)
    person = await porchlight.register()
    with capture_logs() as events:
        async with porchlight.connect(token=person.access_token) as connection:
            await connection.subscribe("{ __typename }", "slow")
            await connection.subscribe(COUNTDOWN, "countdown")
            await until(lambda: porchlight.app.countdown.subscribers == 1)
            await porchlight.ask("mutation { logout }", token=person.access_token)
            await all_let_go(porchlight)
            assert (await connection.closed())[0] == 1006
    assert [event["log_level"] for event in events if event["event"] == "socket.cut_off"] == ["info"]
    assert [event for event in events if event["log_level"] == "error"] == []


async def test_a_change_that_does_not_end_does_not_keep_a_socket(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the session waits for its answer only so long; the change itself is not broken off."""
    monkeypatch.setattr("web.sockets.connection.CLOSE_TIMEOUT", 0.1)
    person = await porchlight.register()
    hashing = SlowHashes(monkeypatch)
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(REGISTER, input={"email": "grace@example.com", "password": PASSWORD})
        await hashing.begun.wait()
        await porchlight.ask("mutation { logout }", token=person.access_token)
        assert await connection.closed() == ENDED
    hashing.gate.set()
    with porchlight.app.database.bound():
        await until(lambda: User.filter(email="grace@example.com").exists())


async def test_a_slow_reader_that_breaks_the_protocol_is_let_go(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, deaf: Deaf
) -> None:
    """Though it cannot be told why."""
    monkeypatch.setattr("web.sockets.connection.CLOSE_TIMEOUT", 0.1)
    async with porchlight.connect() as connection:
        await connection.subscribe("{ __typename }", "slow")
        await until(lambda: bool(deaf.sockets))
        await connection.send(type="unknown")
        assert (await connection.closed())[0] == 1006
    await all_let_go(porchlight)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_server_that_stops_cancels_what_it_serves(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last resort of a shutdown reaches the socket, which gives back its countdown on the way."""
    served: list[Socket] = []
    serve = Socket.serve

    async def watched(self: Socket) -> None:
        served.append(self)
        await serve(self)

    monkeypatch.setattr(Socket, "serve", watched)
    person = await porchlight.register()
    async with porchlight.connect(token=person.access_token) as connection:
        await connection.subscribe(COUNTDOWN)
        await connection.next()
        assert served[0]._serving is not None
        served[0]._serving.cancel()
        assert (await connection.closed())[0] == 1006
    await all_let_go(porchlight)
