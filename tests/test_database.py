# ruff: file-ignore[pytest-raises-with-multiple-statements] -- what is to fail is a transaction as a whole

import asyncio
import contextlib
import contextvars
import shutil
import sqlite3
import stat
from collections.abc import AsyncGenerator, Awaitable, Generator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.transactions import in_transaction

from adapters.database import Database, addresses, open_database, postgres, unavailable
from adapters.database.addresses import SqliteFile, parse
from adapters.database.sqlite import statements
from core.errors import Unavailable
from models import User
from tests.services.postgres import PostgresServer
from tests.services.schemas import opened

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    async with opened(database_url) as database:
        yield database


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite://").partition("?")[0])


def make_folder(file: Path) -> None:
    file.parent.mkdir()


def mode_of(url: str) -> int:
    return stat.S_IMODE(file_of(url).stat().st_mode)


async def register(name: str) -> User:
    return await User.create(email=name, email_key=name, password_hash="-", created_at=NOW)


async def names() -> list[str]:
    return [user.email for user in await User.all().order_by("id")]


class CancelledAt:
    """Awaits `work`, and cancels the task at its suspension number `point`, if it comes so far."""

    def __init__(self, work: Awaitable[None], point: int) -> None:
        self.work = work
        self.point = point
        self.reached = False

    def __await__(self) -> Generator[Any, Any, None]:
        inner = self.work.__await__()
        resume: Any = inner.__next__
        for step in count():
            try:
                waiting = resume()
            except StopIteration:
                return
            if step == self.point:
                self.reached = True
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield waiting
            except BaseException as error:  # ruff: ignore[blind-except] -- handed on to where it is awaited
                resume = lambda error=error: inner.throw(error)  # ruff: ignore[lambda-assignment] -- the same for both
            else:
                resume = inner.__next__


class TestTransactions:
    """All or nothing, for one task and for many."""

    async def test_commit(self, database: Database) -> None:
        """What a transaction wrote is there for others, and its own reads see it before."""
        async with database.transaction():
            await register("ada")
            assert await names() == ["ada"]
        with database.bound():
            assert await names() == ["ada"]

    async def test_rollback(self, database: Database) -> None:
        """An exception undoes everything and passes through as it is."""
        with pytest.raises(KeyError):
            async with database.transaction():
                await register("ada")
                raise KeyError
        with database.bound():
            assert await names() == []

    async def test_a_refused_row(self, database: Database) -> None:
        """A uniqueness error inside comes out as IntegrityError, and the database stays usable."""
        with pytest.raises(IntegrityError):
            async with database.transaction():
                await register("ada")
                await register("ada")
        async with database.transaction():
            await register("bob")
            assert await names() == ["bob"]

    async def test_nesting_is_refused(self, database: Database) -> None:
        """A second transaction inside one is a bug of the caller, and undoes the first."""
        with pytest.raises(RuntimeError, match="open already"):
            async with database.transaction():
                await register("ada")
                async with database.transaction():
                    pass
        with database.bound():
            assert await names() == []

    async def test_savepoints_of_the_orm(self, database: Database) -> None:
        """What Tortoise nests by itself (get_or_create) works inside a transaction and rolls back to its savepoint."""
        async with database.transaction():
            await register("ada")
            values = {"email": "eve", "password_hash": "-", "created_at": NOW}
            _, created = await User.get_or_create(email_key="eve", defaults=values)
            assert created
            with pytest.raises(IntegrityError):
                async with in_transaction("default"):
                    await register("mallory")
                    await register("ada")
        with database.bound():
            assert await names() == ["ada", "eve"]

    async def test_concurrent_transactions(self, database: Database) -> None:
        """Many tasks at once all commit, and none sees another's half."""

        async def pair(number: int) -> None:
            async with database.transaction():
                await register(f"{number}a")
                await asyncio.sleep(0)
                await register(f"{number}b")

        await asyncio.gather(*(pair(number) for number in range(25)))
        with database.bound():
            assert len(await names()) == 50

    async def test_siblings_inside_one_transaction(self, database: Database) -> None:
        """Tasks gathered inside a transaction take turns on its connection."""
        async with database.transaction():
            await asyncio.gather(*(register(str(number)) for number in range(10)))
        with database.bound():
            assert len(await names()) == 10

    async def test_a_task_that_outlives_its_transaction(self, database: Database) -> None:
        """It is refused rather than let into somebody else's transaction, and may begin one of its own."""
        over = asyncio.Event()

        async def late() -> None:
            await over.wait()
            with pytest.raises(TransactionManagementError):
                await names()
            async with database.transaction():
                await register("late")

        async with database.transaction():
            task = asyncio.create_task(late())
        over.set()
        await task
        with database.bound():
            assert await names() == ["late"]

    async def test_bulk_outside_a_transaction(self, database: Database) -> None:
        """A bulk insert is all or nothing by itself."""
        rows = [User(email=name, email_key=name, password_hash="-", created_at=NOW) for name in ("ada", "bob", "ada")]
        with database.bound():
            with pytest.raises(IntegrityError):
                await User.bulk_create(rows)
            assert await names() == []
            await User.bulk_create(rows[:2])
            assert await names() == ["ada", "bob"]


class TestCancellation:
    """Requests are cancelled at any moment; the connection has to come back."""

    async def test_at_every_await(self, database_url: str) -> None:
        """Wherever a transaction is cancelled, it is done or undone, and the connection is free for the next."""
        async with opened(database_url, pool_size=1) as database:

            async def pair(point: int) -> None:
                async with database.transaction():
                    await register(f"{point}a")
                    await register(f"{point}b")

            assert await self.cancel_everywhere(database, pair) >= 4

    async def test_of_a_bulk_insert(self, database_url: str) -> None:
        """A bulk insert outside a transaction leaves none open when it is cancelled."""
        async with opened(database_url, pool_size=1) as database:

            async def pair(point: int) -> None:
                with database.bound():
                    await User.bulk_create(
                        [
                            User(email=name, email_key=name, password_hash="-", created_at=NOW)
                            for name in (f"{point}a", f"{point}b")
                        ]
                    )

            assert await self.cancel_everywhere(database, pair) >= 1

    async def cancel_everywhere(self, database: Database, pair: Any) -> int:
        for point in count():
            run = CancelledAt(pair(point), point)

            async def attempt(run: CancelledAt = run) -> None:
                await run

            (outcome,) = await asyncio.gather(attempt(), return_exceptions=True)
            async with asyncio.timeout(5):
                async with database.transaction():
                    present = await User.filter(email__startswith=f"{point}").count()
                    assert present in {0, 2}
                    await register(f"after {point}")
            if not run.reached:
                assert outcome is None
                return point
            assert isinstance(outcome, asyncio.CancelledError)
        raise AssertionError

    async def test_while_waiting_for_the_turn(self, database_url: str) -> None:
        """A task cancelled while others hold the connection leaves the line."""
        async with opened(database_url, pool_size=1) as database:

            async def write() -> None:
                async with database.transaction():
                    await register("never")

            elsewhere = contextvars.copy_context()
            async with database.transaction():
                waiting = asyncio.create_task(write(), context=elsewhere)
                await asyncio.sleep(0.01)
                waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            async with database.transaction():
                assert await names() == []

    async def test_by_a_deadline_in_the_same_task(self, database: Database) -> None:
        """After a deadline has cut a transaction, the same task is outside of it."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), database.transaction():
                await register("ada")
                await asyncio.sleep(5)
        async with database.transaction():
            await register("bob")
        with database.bound():
            assert await names() == ["bob"]


class TestBinding:
    """Which database a task's models use."""

    async def test_two_databases(self, tmp_path: Path, sqlite_template: Path) -> None:
        """Each task sees the database it is bound to, at the same time and nested."""
        for name in ("one", "two"):
            shutil.copyfile(sqlite_template, tmp_path / name)
        async with opened(f"sqlite://{tmp_path / 'one'}") as one, opened(f"sqlite://{tmp_path / 'two'}") as two:

            async def visit(database: Database, name: str) -> None:
                with database.bound():
                    for number in range(5):
                        await register(f"{name}{number}")
                        await asyncio.sleep(0)

            await asyncio.gather(visit(one, "a"), visit(two, "b"), visit(one, "c"))
            with one.bound():
                assert len(await names()) == 10
                with two.bound():
                    assert await names() == [f"b{number}" for number in range(5)]
                    async with one.transaction():
                        await register("d")
                    assert len(await names()) == 5
                assert len(await names()) == 11

    async def test_tasks_inherit(self, database: Database) -> None:
        """A task started inside belongs to the same database, also after its parent has left."""
        with database.bound():
            task = asyncio.create_task(register("ada"))
        assert (await task).id == 1
        with pytest.raises(RuntimeError, match="TortoiseContext"):
            await names()

    async def test_not_open(self, database_url: str) -> None:
        """What is not open cannot be used, can be closed, and can be opened again."""
        database = open_database(database_url)
        await database.close()
        with pytest.raises(RuntimeError, match="not open"), database.bound():
            pass
        for _ in range(2):
            await database.open()
            await database.ping()
            await database.close()
        with pytest.raises(Unavailable):
            await database.ping()

    async def test_one_dialect_at_a_time(self, sqlite_url: str, postgres_url: str) -> None:
        """Tortoise's models hold one dialect's queries: a second one is refused before it can break the first."""
        async with opened(sqlite_url) as database:
            with pytest.raises(RuntimeError, match="one SQL dialect"):
                await open_database(postgres_url).open()
            with database.bound():
                assert await names() == []


class TestRawStatements:
    """The few statements that are not the ORM's."""

    async def test_rows_and_counts(self, database: Database) -> None:
        """The same SQL with the same placeholders gives the same rows and counts."""
        insert = (
            "INSERT INTO users (email, email_key, password_hash, role, created_at)"
            " VALUES ($1, $2, '-', 'USER', $3), ($2, $1, '-', 'USER', $3)"
        )
        assert await database.execute(insert, ["ada", "bob", NOW]) == 2
        assert await database.rows("SELECT email FROM users WHERE email_key = $1", ["bob"]) == [{"email": "ada"}]
        assert await database.execute("UPDATE users SET name = $1", ["x"]) == 2
        assert await database.execute("DELETE FROM users WHERE email = $1", ["nobody"]) == 0
        returned = await database.rows("UPDATE users SET name = $2 WHERE email = $1 RETURNING id", ["bob", "y"])
        assert returned == [{"id": 2}]
        with database.bound():
            assert (await User.get(email="ada")).created_at == NOW

    async def test_inside_a_transaction(self, database: Database) -> None:
        """They see what the transaction wrote and are undone with it."""
        with pytest.raises(KeyError):
            async with database.transaction():
                await register("ada")
                assert await database.rows("SELECT email FROM users") == [{"email": "ada"}]
                assert await database.execute("UPDATE users SET name = 'x'") == 1
                raise KeyError
        assert await database.rows("SELECT email FROM users") == []

    async def test_a_wrong_statement(self, database: Database) -> None:
        """A mistake in SQL is a bug, not unavailability."""
        with pytest.raises(OperationalError) as refused:
            await database.rows("SELECT nonsense FROM users")
        assert not unavailable(refused.value)


class TestSqlite:
    """What only a file can do: be locked by a neighbour, be taken away."""

    async def test_file(self, empty_sqlite_url: str) -> None:
        """The folder is made, the file is for its owner alone, and every pragma holds."""
        async with opened(empty_sqlite_url) as database:
            assert mode_of(empty_sqlite_url) == 0o600
            pragmas = {
                name: next(iter((await database.rows(f"PRAGMA {name}"))[0].values()))
                for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
            }
        assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 1}

    async def test_locked_by_another_process(self, sqlite_url: str) -> None:
        """A lock that outlasts our patience is Unavailable, everywhere; nothing is left behind once it is gone."""
        async with opened(f"{sqlite_url}?busy_timeout=20") as database:
            with contextlib.closing(sqlite3.connect(file_of(sqlite_url), isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(Unavailable):
                    async with database.transaction():
                        raise AssertionError
                with database.bound(), pytest.raises(Unavailable):
                    await register("ada")
                with pytest.raises(Unavailable):
                    await database.execute("DELETE FROM users")
                await database.ping()
                other.execute("COMMIT")
            async with database.transaction():
                await register("ada")

    async def test_created_by_two_at_once(self, empty_sqlite_url: str) -> None:
        """While another process makes the file, opening waits its turn; it gives up after `busy_timeout`."""
        file = file_of(empty_sqlite_url)
        make_folder(file)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("CREATE TABLE t (n)")
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(Unavailable):
                await open_database(f"{empty_sqlite_url}?busy_timeout=30").open()
            waiting = open_database(empty_sqlite_url)
            opening = asyncio.create_task(waiting.open())
            await asyncio.sleep(0.05)
            other.execute("COMMIT")
            await opening
        assert await waiting.rows("SELECT n FROM t") == [{"n": 1}]
        await waiting.close()

    async def test_closed_meanwhile(self, sqlite_url: str) -> None:
        """Who still holds or awaits the connection when it is closed hears of it, and nothing is opened again."""
        database = open_database(sqlite_url)
        await database.open()

        async def write() -> None:
            async with database.transaction():
                await register("never")

        elsewhere = contextvars.copy_context()
        with pytest.raises(Unavailable):
            async with database.transaction():
                await register("ada")
                waiting = asyncio.create_task(write(), context=elsewhere)
                await asyncio.sleep(0)
                await database.close()
        with pytest.raises(Unavailable):
            await waiting
        async with opened(sqlite_url) as again:
            assert await again.rows("SELECT email FROM users") == []

    async def test_gone(self, sqlite_url: str) -> None:
        """A file taken away is noticed by ping, though the connection still answers."""
        async with opened(sqlite_url) as database:
            file_of(sqlite_url).unlink()
            with pytest.raises(Unavailable):
                await database.ping()

    async def test_unreachable(self, tmp_path: Path) -> None:
        """A place where no file can be is Unavailable at open, and leaves nothing open."""
        (tmp_path / "file").touch()
        with pytest.raises(Unavailable):
            await open_database(f"sqlite://{tmp_path / 'file' / 'database'}").open()

    async def test_ping_behind_a_long_transaction(self, sqlite_url: str) -> None:
        """A database that does not answer within the deadline is Unavailable."""
        async with opened(sqlite_url) as database:
            started = asyncio.Event()

            async def hold() -> None:
                async with database.transaction():
                    started.set()
                    await asyncio.sleep(0.2)

            task = asyncio.create_task(hold())
            await started.wait()
            with pytest.raises(Unavailable):
                await database.ping(deadline=0.01)
            await task
            await database.ping()


class TestPostgres:
    """What only a server can do: refuse, drop connections, run out of them."""

    async def test_refused(self, unused_tcp_port: int) -> None:
        """A server that is not there is Unavailable at open."""
        with pytest.raises(Unavailable):
            await open_database(f"postgres://nobody@127.0.0.1:{unused_tcp_port}/nothing").open()

    async def test_lost(self, postgres_server: PostgresServer, postgres_url: str) -> None:
        """A lost connection is Unavailable to who was using it; the next one gets a new connection."""
        async with opened(postgres_url) as database:
            with pytest.raises(Unavailable):
                async with database.transaction():
                    await register("ada")
                    await postgres_server.cut(postgres_url)
                    await register("bob")
            await database.ping()
            with database.bound():
                assert await names() == []
            await postgres_server.drop(postgres_url)
            with pytest.raises(Unavailable):
                await database.ping()

    async def test_all_connections_taken(self, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who gets no connection in time is Unavailable, and does not wait for ever."""
        monkeypatch.setattr(postgres, "CONNECT_SECONDS", 0.05)
        async with opened(postgres_url, pool_size=1) as database:

            async def ask() -> None:
                with database.bound():
                    await names()

            elsewhere = contextvars.copy_context()
            async with database.transaction():
                with pytest.raises(Unavailable):
                    await asyncio.create_task(ask(), context=elsewhere)

    async def test_nothing_is_logged(self, postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
        """Leaving a transaction by exception is ordinary, not something for the log."""
        async with opened(postgres_url) as database:
            with pytest.raises(KeyError):
                async with database.transaction():
                    raise KeyError
        assert caplog.records == []


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (Unavailable(), True),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.DeadlockDetectedError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.InvalidPasswordError(), True),
        (asyncpg.LockNotAvailableError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InternalClientError("cannot switch to state 12"), True),
        (asyncpg.InterfaceError("another operation is in progress"), False),
        (OperationalError(asyncpg.AdminShutdownError()), True),
        (OperationalError(asyncpg.UndefinedTableError()), False),
        (OperationalError("no such table"), False),
        (IntegrityError(asyncpg.UniqueViolationError()), False),
        (sqlite3.OperationalError("made by hand"), False),
        (FileNotFoundError(), False),
        (KeyError("closed"), False),
    ],
)
def test_unavailable(error: Exception, *, gone: bool) -> None:
    """Locks, lost connections and lack of room are told apart from bugs."""
    assert unavailable(error) is gone


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite://var/a.sqlite3", SqliteFile(Path("var/a.sqlite3"))),
        ("sqlite:///var/a%20b?busy_timeout=9", SqliteFile(Path("/var/a b"), 9)),
        ("postgres://ada:p%40ss@db:6432/shop", addresses.PostgresServer("db", 6432, "ada", "p@ss", "shop", None)),
        ("postgresql://u:@/shop?host=/run/pg", addresses.PostgresServer("/run/pg", 5432, "u", None, "shop", None)),
        (
            "postgres:///shop?host=/run/pg&port=1&user=u&password=p&sslmode=require",
            addresses.PostgresServer("/run/pg", 1, "u", "p", "shop", "require"),
        ),
        ("postgres://[::1]/", addresses.PostgresServer("::1", 5432, None, None, None, None)),
    ],
)
def test_addresses(url: str, expected: SqliteFile | addresses.PostgresServer) -> None:
    """Files and servers by TCP or Unix socket, with what is quoted unquoted."""
    assert parse(url) == expected
    assert "p@ss" not in repr(parse(url))
    assert expected.dialect == url[: len(expected.dialect)]


@pytest.mark.parametrize(
    "url", ["mysql://secret@x/y", "sqlite://", "sqlite://:memory:", "sqlite://a/", "postgres://u:secret@h/x?pool=1"]
)
def test_wrong_addresses(url: str) -> None:
    """What we cannot open is refused before anything starts, without saying the password."""
    with pytest.raises(ValueError, match=r"URL") as refused:
        parse(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        (" ; ;\n", []),
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT 'a;b'; /* c; */ SELECT \";\" -- d;", ["SELECT 'a;b'", '/* c; */ SELECT ";" -- d;']),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END; X", None),
        ("SELECT 'never closed", ["SELECT 'never closed"]),
    ],
)
def test_statements(script: str, expected: list[str] | None) -> None:
    """A script is split where SQLite would, and what is not complete is left to SQLite to refuse."""
    if expected is None:
        expected = [script.removesuffix("; X"), "X"]
    assert list(statements(script)) == expected
