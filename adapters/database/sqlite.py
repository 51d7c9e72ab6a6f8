"""SQLite as Tortoise's engine, with transactions that survive cancellation.

Tortoise 1.1.9 takes the lock of the one connection and then awaits BEGIN: a task that is cancelled in between leaves
the lock held for ever. Here whoever takes the lock gives it back, after the connection is out of its transaction.
"""

# ruff: file-ignore[private-member-access] -- Tortoise offers no other way into its clients; the version is pinned, and tests/test_migrations.py watches the names

import asyncio
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import aiosqlite
from tortoise.backends.base.client import ConnectionWrapper, NestedTransactionContext, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient as TortoiseSqliteClient
from tortoise.backends.sqlite.client import SqliteTransactionWrapper
from tortoise.connection import ConnectionToken, get_connections

from adapters.database.failures import CLOSED, PoolState, Record, Reporting, refuse_ended, reporting, settled
from adapters.database.traced import trace_sqlite
from core.errors import Unavailable

LOCKED_SECONDS = 0.02
"""How long to wait before a file is opened again that another process was just creating."""


class _Counting(Reporting, TortoiseSqliteClient):
    async def records(self, statement: str, values: Sequence[Any]) -> list[Record]:
        return cast("list[Record]", (await self.execute_query(spoken(statement), list(values)))[1])

    async def affected(self, statement: str, values: Sequence[Any]) -> int:
        statement = spoken(statement)
        with reporting():
            async with self.acquire_connection() as connection:
                self.log.debug("%s: %s", statement, values)
                cursor = await cast("aiosqlite.Connection", connection).execute(statement, values)
                await cursor.close()
                return max(cursor.rowcount, 0)


class SqliteClient(_Counting):
    """The one connection to a file. Statements and transactions of all tasks take turns on it."""

    async def create_connection(self, with_db: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- Tortoise's signature
        with reporting():
            _make_private(Path(self.filename))
        patience = asyncio.get_running_loop().time() + self.pragmas["busy_timeout"] / 1000
        while not self._connection:
            try:
                await super().create_connection(with_db)
            except BaseException as error:
                await settled(self.close())  # Some of its pragmas are not set.
                if not _locked(error) or asyncio.get_running_loop().time() >= patience:
                    raise
                await asyncio.sleep(LOCKED_SECONDS)
        if self.tracing is not None:
            trace_sqlite(self._connection, self.tracing)

    @property
    def pool_state(self) -> PoolState:
        waiting = len(getattr(self._lock, "_waiters", None) or ())
        return PoolState(1, int(self._lock.locked()), waiting)

    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        if self._connection is None:
            raise Unavailable(CLOSED)  # Tortoise would open it again.
        return super().acquire_connection()

    def _in_transaction(self) -> TransactionContext:
        return SqliteTransaction(SqliteTransactionClient(self), self._lock)

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        async with self._in_transaction() as transaction:
            await transaction.execute_many(query, values)


class SqliteTransactionClient(_Counting, SqliteTransactionWrapper):
    """The connection as its transaction sees it."""

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(SqliteTransactionClient(self))

    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        refuse_ended(self)
        return super().acquire_connection()

    async def begin(self) -> None:
        # IMMEDIATE takes the write lock now, waiting its turn. A deferred transaction that reads first and writes
        # later is refused as "database is locked" as soon as another process has written in between.
        await self._connection.execute("BEGIN IMMEDIATE")

    async def end(self, *, commit: bool) -> None:
        """Leave the transaction in any case: what cannot be committed is rolled back."""
        connection = cast("SqliteClient", self._parent)._connection
        if connection is None:
            self._finalized = True
            if commit:
                raise Unavailable(CLOSED)
            return
        try:
            if commit and not self._finalized:
                await connection.commit()
        finally:
            self._finalized = True
            if connection.in_transaction:
                await connection.rollback()

    async def execute_script(self, query: str) -> None:
        # sqlite3's executescript() would commit the transaction first.
        for statement in statements(query):
            await self.execute_query(statement)


class SqliteTransaction(TransactionContext):
    """Holds the connection's lock from before BEGIN until after COMMIT or ROLLBACK."""

    def __init__(self, client: SqliteTransactionClient, lock: asyncio.Lock) -> None:
        self._client = client
        self._lock = lock
        self._token: ConnectionToken | None = None

    async def __aenter__(self) -> SqliteTransactionClient:
        await self._lock.acquire()
        try:
            with reporting():
                await settled(self._begin())
        except BaseException:
            await self._leave(commit=False)
            raise
        self._token = get_connections().set(self._client.connection_name, self._client)
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        get_connections().reset(self._token)
        with reporting():
            await self._leave(commit=kind is None)

    async def _begin(self) -> None:
        parent = cast("SqliteClient", self._client._parent)
        if parent._connection is None:
            raise Unavailable(CLOSED)
        self._client._connection = parent._connection
        await self._client.begin()

    async def _leave(self, *, commit: bool) -> None:
        try:
            await settled(self._client.end(commit=commit))
        finally:
            self._lock.release()


@lru_cache(maxsize=1024)
def spoken(statement: str) -> str:
    """A statement with SQLite's numbered placeholders instead of PostgreSQL's."""
    return re.sub(r"\$(\d+)", r"?\1", statement)


def statements(script: str) -> Iterator[str]:
    """Split a script into its statements; a semicolon inside a literal, comment or trigger does not end one."""
    statement = ""
    for piece in script.split(";"):
        statement += piece
        if not statement.strip():
            statement = ""
        elif sqlite3.complete_statement(statement + ";"):
            yield statement.strip()
            statement = ""
        else:
            statement += ";"
    if statement:
        yield statement.strip().removesuffix(";")


def _locked(error: BaseException) -> bool:
    """Whether another process is switching a new file to WAL just now: SQLite does not wait for that by itself."""
    return isinstance(error, Unavailable) and getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _make_private(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))


client_class = SqliteClient
