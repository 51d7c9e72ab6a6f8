"""Raw reads: what they give, what they cost, and that whatever comes back to the pool is clean."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg  # type: ignore[import-untyped]
import pytest

from adapters.database import Database, postgres
from models import User
from tests.services.schemas import opened
from tests.services.valkey import until
from tests.test_house import text, tracked

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ASLEEP = "SELECT pg_sleep(30)"
STATE = "SELECT pg_backend_pid() AS pid, pg_current_xact_id_if_assigned() IS NULL AS clean"
SESSION_STATE = re.compile(
    r"""["'\s](?:SET\s+(?:SESSION|ROLE|TIME\s+ZONE|search_path)\b|LISTEN\s|DECLARE\s+\w+\s|CREATE\s+TEMP"""
    r"""|PREPARE\s+\w+\s+AS)|pg_(?:try_)?advisory_lock|set_config\("""
)
"""What outlives a transaction, and so would wait for the next one to borrow the connection."""


def pool_of(database: Database) -> Any:
    client = cast("Any", database._client)
    return client._pool


async def pid(database: Database) -> int:
    """The server's name of the connection that is read from: there is one, and it is in no transaction."""
    (state,) = await database.records(STATE)
    assert state["clean"]
    return int(state["pid"])


async def test_records_are_rows_as_the_driver_has_them(database_url: str) -> None:
    """Values are found by name and by place, on both databases, and inside a transaction what it wrote."""
    async with opened(database_url) as database:
        async with database.transaction():
            await User.create(email="Ada", email_key="ada", password_hash="-", created_at=NOW)
            (record,) = await database.records(
                "SELECT email, email_key AS key FROM users WHERE email_key = $1", ["ada"]
            )
        assert (record["email"], record[1], len(record)) == ("Ada", "ada", 2)
        assert (list(record), list(record.keys())) == (["Ada", "ada"], ["email", "key"])
        assert await database.rows("SELECT email FROM users WHERE email = $1 OR email = $2", ("Eve", "Ada")) == [
            {"email": "Ada"}
        ]
        assert await database.records("SELECT email FROM users WHERE id = $1", [0]) == []
    with pytest.raises(RuntimeError, match="not open"):
        await database.records("SELECT 1")


async def test_reads_start_no_task(postgres_url: str) -> None:
    """Raw or by the ORM, a read on a free connection is one round trip in the task that asks."""
    tasks: list[Any] = []
    loop = asyncio.get_running_loop()

    def counted(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
        tasks.append(work)
        return asyncio.Task(work, loop=loop, **options)

    async with opened(postgres_url) as database:
        await database.rows("SELECT 1")
        loop.set_task_factory(counted)
        try:
            await database.rows("SELECT 1")
            with database.bound():
                await User.get_or_none(id=1)
        finally:
            loop.set_task_factory(None)
    assert tasks == []


async def test_who_waits_for_a_connection_has_the_next_turn(postgres_url: str) -> None:
    """Somebody with one statement after the other gives way after each, and those in line are served in its order."""
    async with opened(postgres_url, pool_size=1) as database:
        served: list[int] = []

        async def busy() -> None:
            while 2 not in served[-10:] and len(served) < 5_000:
                await database.rows("SELECT 1")
                served.append(-1)

        async def once(name: int) -> None:
            await database.rows("SELECT 1")
            served.append(name)

        asked = asyncio.create_task(busy())
        await until(lambda: len(served) > 5)
        before = len(served)
        await asyncio.gather(*map(once, range(3)))
        await asked
        assert [name for name in served if name >= 0] == [0, 1, 2]
        assert served.index(2) - before < 20


async def test_prepared_statements_stay(postgres_url: str) -> None:
    """The server parses a statement once, however often its connection is borrowed."""
    async with opened(postgres_url, pool_size=1) as database:
        for number in range(3):
            await database.records("SELECT $1::int AS number", [number])
        counted = "SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%$1::int AS number'"
        assert await database.rows(counted) == [{"n": 1}]


async def test_a_statement_cut_short(postgres_url: str) -> None:
    """Whose statement is still running at the server comes back when that has ended: nobody waits for it."""
    async with opened(postgres_url, pool_size=1) as database:
        connection = await pid(database)
        for read in (database.records, database.rows):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await read(ASLEEP)
            async with asyncio.timeout(5):
                assert await pid(database) == connection


async def begun(connection: Any) -> None:
    await connection.execute("BEGIN")
    await connection.execute(
        "INSERT INTO users (email, email_key, password_hash, role, created_at)"
        " VALUES ('ada', 'ada', '-', 'USER', now())"
    )


async def failed(connection: Any) -> None:
    await connection.execute("BEGIN")
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.execute("SELECT * FROM nothing")


async def started(connection: Any) -> None:
    await connection.transaction().start()


@pytest.mark.parametrize("leave_open", [begun, failed, started])
async def test_a_transaction_left_open(postgres_url: str, leave_open: Callable[[Any], Any]) -> None:
    """What comes back in the middle of a transaction is rolled back before anybody borrows it."""
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    async with opened(postgres_url, pool_size=1) as database:
        connection = await pid(database)
        borrowed = await pool_of(database).acquire()
        await leave_open(borrowed)
        await pool_of(database).release(borrowed)
        assert await pid(database) == connection
        assert await database.rows("SELECT email FROM users") == []
    assert len(told) == 1
    assert told[0].startswith("Resetting connection with an active transaction")


async def test_a_listener_left_behind(postgres_url: str) -> None:
    """Nobody is told what somebody before them has listened to."""
    heard: list[Any] = []
    async with opened(postgres_url, pool_size=1) as database:
        borrowed = await pool_of(database).acquire()
        await borrowed.add_listener("told", lambda *message: heard.append(message))
        with pytest.warns(asyncpg.InterfaceWarning, match="active notification listener"):
            await pool_of(database).release(borrowed)
        await database.rows("SELECT pg_notify('told', 'all')")
        await pid(database)
    assert heard == []


async def test_what_was_given_back_is_out_of_reach(postgres_url: str) -> None:
    """A connection that is given back twice is given back once, and who kept it cannot use it."""
    async with opened(postgres_url, pool_size=2) as database:
        borrowed = await pool_of(database).acquire()
        await pool_of(database).release(borrowed)
        await pool_of(database).release(borrowed)
        with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
            await borrowed.fetch("SELECT 1")
        assert pool_of(database)._queue.qsize() == 2
    async with opened(postgres_url) as one, opened(postgres_url) as two:
        borrowed = await pool_of(one).acquire()
        with pytest.raises(asyncpg.InterfaceError, match="not a member"):
            await pool_of(two).release(borrowed)
        await pool_of(one).release(borrowed)


async def test_connections_are_replaced_in_time(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has run its number of statements makes way for a new one, and so does one that has expired."""
    monkeypatch.setattr(postgres, "MAX_QUERIES", 3)
    async with opened(postgres_url, pool_size=1) as database:
        served = [await pid(database) for _ in range(4)]
        assert len(set(served)) == 2
        await pool_of(database).expire_connections()
        assert await pid(database) not in served


def test_no_statement_leaves_something_on_its_connection() -> None:
    """Connections go back as they are: no statement of ours sets what outlives its transaction."""
    ours = [name for name in tracked("*.py") if not name.startswith(("tests/", "benchmarks/"))]
    assert [name for name in ours if SESSION_STATE.search(text(name))] == []
