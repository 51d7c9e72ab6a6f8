"""PostgreSQL as Tortoise's engine, with a deadline on the pool and transactions that survive cancellation.

Tortoise 1.1.9 takes a connection and then awaits BEGIN: a task that is cancelled in between never gives it back, and
after ten of them the pool is empty. It also waits for a free connection for ever.
"""

# ruff: file-ignore[private-member-access] -- Tortoise offers no other way into its clients; the version is pinned, and tests/test_migrations.py watches the names

from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

import asyncpg  # type: ignore[import-untyped]
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    BaseDBAsyncClient,
    ConnectionWrapper,
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionContext,
)
from tortoise.connection import ConnectionToken, get_connections

from adapters.database.addresses import CONNECT_SECONDS
from adapters.database.failures import CLOSED, PoolState, Record, Reporting, refuse_ended, reporting
from adapters.database.traced import traced_class
from core.errors import Unavailable

MAX_QUERIES = 50_000
"""Statements after which a connection is replaced: asyncpg's own measure."""
IDLE_SECONDS = 300.0
"""How long a connection beyond the first may lie idle: asyncpg's own measure."""


class _Counting(Reporting, AsyncpgDBClient):
    async def records(self, statement: str, values: Sequence[Any]) -> list[Record]:
        with reporting():
            return cast("list[Record]", await self._translate_exceptions(type(self)._fetched, statement, values))

    async def _fetched(self, statement: str, values: Sequence[Any]) -> Any:
        async with self.acquire_connection() as connection:
            self.log.debug("%s: %s", statement, values)
            return await connection.fetch(statement, *values)

    async def affected(self, statement: str, values: Sequence[Any]) -> int:
        with reporting():
            async with self.acquire_connection() as connection:
                self.log.debug("%s: %s", statement, values)
                status: str = await connection.execute(statement, *values)
        count = status.rpartition(" ")[2]  # "INSERT 0 3", "UPDATE 2"; "CREATE TABLE" counts nothing.
        return int(count) if count.isdecimal() else 0


class PostgresClient(_Counting):
    """The pool of one process."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(connection_class=PlainConnection, **settings)

    async def create_pool(self, **settings: Any) -> "asyncpg.Pool[Any]":
        if self.tracing is not None:
            settings["connection_class"] = traced_class(PlainConnection, self.tracing)
        return await Pool(
            None,
            max_queries=MAX_QUERIES,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            record_class=asyncpg.Record,
            **settings,
        )

    @property
    def pool_state(self) -> PoolState:
        pool = cast("Pool | None", self._pool)
        if pool is None:
            return PoolState(0, 0, 0)
        return PoolState(pool.get_max_size(), pool.get_size() - pool.get_idle_size(), pool.in_line)

    def acquire_connection(self) -> "PoolConnectionWrapper[Any] | ConnectionWrapper[Any]":
        return BorrowedConnection(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return PostgresTransaction(self)


class PostgresTransactionClient(_Counting, TransactionWrapper):
    """One connection of the pool, as its transaction sees it."""

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(PostgresTransactionClient(self))

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        refuse_ended(self)
        return super().acquire_connection()

    async def begin(self) -> None:
        # Entered as a context, the transaction may be left to the pool's reset without a word in the log.
        self.transaction = self._connection.transaction()
        await self.transaction.__aenter__()  # ruff: ignore[unnecessary-dunder-call] -- left in another method

    async def commit(self) -> None:
        assert self.transaction is not None
        await self.transaction.__aexit__(None, None, None)
        self._finalized = True

    async def rollback(self) -> None:
        assert self.transaction is not None
        await self.transaction.__aexit__(Exception, None, None)
        self._finalized = True


class PlainConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that goes back to the pool as it is: our statements leave no session state behind.

    Resetting what was never set would cost a second round trip for each statement. A transaction that is still
    open is rolled back all the same.
    """

    def get_reset_query(self) -> str:
        return ""


class Pool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg has no types
    """Hands out what lies idle, and takes back what has nothing to undo, at once: without a task and without waiting.

    asyncpg starts a task for every release, which cannot be cancelled while it resets the connection; and a timeout for
    every acquisition. Both are for those that wait. Whatever is not plainly in order goes asyncpg's own way, and so
    does everything while somebody stands in line: who gives a connection back at once would be the next to take it.
    """

    __slots__ = ("_in_line",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_line = 0

    @property
    def in_line(self) -> int:
        """How many wait for a connection."""
        return self._in_line

    async def _acquire(self, timeout: float | None) -> Any:  # ruff: ignore[async-function-with-timeout] -- asyncpg's signature
        if self._initialized and not self.is_closing() and not self._in_line and not self._queue.empty():
            holder = self._queue.get_nowait()  # One that is connected, if there is one.
            if holder.is_connected() and holder._generation == self._generation:
                proxy = await holder.acquire()  # Does not wait: there is nothing to connect.
                holder._timeout = timeout
                return proxy
            self._queue.put_nowait(holder)
        self._in_line += 1
        try:
            return await super()._acquire(timeout)
        finally:
            self._in_line -= 1

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # ruff: ignore[async-function-with-timeout] -- asyncpg's signature
        if connection._con is None or not self._reusable(connection):
            await super().release(connection, timeout=timeout)
            return
        holder = connection._holder
        connection._con._on_release()
        holder._timeout = None
        holder._release()
        holder._setup_inactive_callback()

    def _reusable(self, borrowed: Any) -> bool:
        """Whether all is done that was begun on a connection, and nothing listens to it nor waits for it."""
        connection, holder = borrowed._con, borrowed._holder
        protocol = connection._protocol
        return not (
            self._closed
            or self._in_line
            or holder._pool is not self
            or connection.is_closed()
            or protocol.is_in_transaction()
            or connection._top_xact is not None
            or protocol._is_cancelling()
            or connection._listeners
            or connection._log_listeners
            or protocol.queries_count >= holder._max_queries
            or holder._generation != self._generation
        )


class BorrowedConnection(PoolConnectionWrapper[Any]):
    """A connection for one statement, to be had within `CONNECT_SECONDS`."""

    async def __aenter__(self) -> Any:
        with reporting():
            self.connection = await _pool(self.client).acquire(timeout=CONNECT_SECONDS)
        return self.connection


class PostgresTransaction(TransactionContext):
    """Holds one connection of the pool from before BEGIN until after COMMIT or ROLLBACK."""

    def __init__(self, parent: PostgresClient) -> None:
        self._parent = parent
        self._borrowed = BorrowedConnection(parent, parent._pool_init_lock)
        self._client = PostgresTransactionClient(parent)
        self._token: ConnectionToken | None = None

    async def __aenter__(self) -> PostgresTransactionClient:
        self._client._connection = await self._borrowed.__aenter__()
        try:
            with reporting():
                await self._client.begin()
        except BaseException:
            await self._release()
            raise
        self._token = get_connections().set(self._client.connection_name, self._client)
        return self._client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        get_connections().reset(self._token)
        try:
            if kind is None and not self._client._finalized:
                with reporting():
                    await self._client.commit()
        finally:
            await self._release()

    async def _release(self) -> None:
        # The pool rolls back what is still open, drops a connection that is lost, and does both though we be cancelled.
        self._client._finalized = True
        with reporting():
            await _pool(self._parent).release(self._client._connection)


def _pool(client: BaseDBAsyncClient) -> "asyncpg.Pool[Any]":
    pool: asyncpg.Pool[Any] | None = client._pool
    if pool is None:
        raise Unavailable(CLOSED)  # Tortoise would open it again.
    return pool


client_class = PostgresClient
