"""`Database`: one open database, and how the models come to use it."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast
from weakref import WeakSet

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import get_connection
from tortoise.context import TortoiseContext
from tortoise.context import _current_context as current_context  # ruff: ignore[import-private-name] -- see active()

from adapters.database.addresses import Dialect, SqliteFile, parse
from adapters.database.failures import PoolState, Record, Reporting
from adapters.database.together import Question, Together, for_one
from adapters.tracing import Tracing
from core.errors import Unavailable

POOL_SIZE = 10
"""Connections to PostgreSQL that one process may hold."""

_opened: "WeakSet[Database]" = WeakSet()


class Database:
    """One database behind Tortoise's models. Several may be open in a process, all of the same dialect.

    `models` are the modules whose models it stores.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = POOL_SIZE,
        models: Sequence[str] = ("models",),
        tracing: Tracing | None = None,
    ) -> None:
        self.url = url
        self._address = parse(url)
        self.dialect: Dialect = self._address.dialect
        self._pool_size = pool_size
        self._models = tuple(models)
        self._tracing = tracing
        self._context = TortoiseContext()
        self._client: Reporting | None = None
        self._together = Together(self)

    async def open(self) -> None:
        """Connect. Raises `Unavailable` when the database is not to be reached."""
        if any(other.dialect != self.dialect for other in _opened):
            raise RuntimeError("Tortoise's models speak one SQL dialect at a time, and the other one is open.")
        if isinstance(self._address, SqliteFile):
            connection = self._address.connection()
        else:
            connection = self._address.connection(pool_size=self._pool_size, bounded=True)
        apps = {"models": {"models": list(self._models), "default_connection": "default"}}
        self._context = TortoiseContext()
        if not _opened:
            forget_statements("default")
        with active(self._context):
            await self._context.init({"connections": {"default": connection}, "apps": apps})
        client = cast("Reporting", self._context.connections.get("default"))
        client.tracing = self._tracing
        try:
            await client.create_connection(with_db=True)
        except BaseException:
            await client.close()
            raise
        self._client = client
        _opened.add(self)

    async def close(self) -> None:
        """Disconnect. Closing what is not open does nothing."""
        _opened.discard(self)
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @contextmanager
    def bound(self) -> Generator[None]:
        """Let the models use this database in the current task and in the tasks that it starts meanwhile."""
        if self._client is None:
            raise RuntimeError("The database is not open.")
        with active(self._context):
            yield

    async def ping(self, *, deadline: float = 2.0) -> None:
        """Raise `Unavailable` unless the database answers within `deadline` seconds."""
        if self._client is None or (isinstance(self._address, SqliteFile) and not self._address.path.exists()):
            raise Unavailable("There is no database.")
        try:
            async with asyncio.timeout(deadline):
                await self.rows("SELECT 1")
        except TimeoutError as error:
            raise Unavailable("The database does not answer.") from error

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        """All or nothing. Takes SQLite's write lock at once, so that statements inside never lose it to another.

        Raises `Unavailable` when the transaction cannot begin or end. A service owns one transaction: a second
        one inside it is a RuntimeError. The body's own exceptions pass through, after the rollback.
        """
        with self.bound():
            current = get_connection("default")
            if isinstance(current, TransactionalDBClient) and not current._finalized:  # ruff: ignore[private-member-access] -- Tortoise's own mark
                raise RuntimeError("A transaction is open already: the service that began it owns it.")
            assert self._client is not None
            async with self._client._in_transaction():  # ruff: ignore[private-member-access] -- from outside any other
                yield

    async def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """What a raw statement returns, inside the current transaction if there is one.

        Placeholders are `$1`, `$2`, … on both databases. SQLite knows no dates or booleans: it gives text and integers.
        """
        return [dict(record) for record in await self.records(sql, values)]

    async def records(self, sql: str, values: Sequence[Any] = ()) -> list[Record]:
        """The same as the driver has it, for who reads values by name or place and keeps no rows: half the price."""
        return await self._current().records(sql, values)

    async def answers(self, question: Question, values: Sequence[Any]) -> list[Record]:
        """The records that answer a question which many requests ask at once. The first value of each says nothing.

        On PostgreSQL those who ask in one step of the event loop share a statement, unless they are in a transaction.
        """
        if self.dialect == "postgres" and not isinstance(self._current(), TransactionalDBClient):
            return await self._together.records(question, values)
        return await self.records(for_one(question, self.dialect), values)

    async def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """How many rows a raw INSERT, UPDATE or DELETE changed, cascades not counted. Placeholders as in `rows`."""
        return await self._current().affected(sql, values)

    @property
    def pool(self) -> PoolState:
        """How busy this process's connections are; nothing at all while it is not open."""
        return self._client.pool_state if self._client is not None else PoolState(0, 0, 0)

    def _current(self) -> Reporting:
        """The connection of the current transaction if there is one, else any."""
        if self._client is None:
            raise RuntimeError("The database is not open.")
        return cast("Reporting", self._context.connections.get("default"))


def open_database(url: str, *, pool_size: int = POOL_SIZE, tracing: Tracing | None = None) -> Database:
    """The database of a URL (see `addresses.parse`), still to be opened. A wrong URL is a ValueError."""
    return Database(url, pool_size=pool_size, tracing=tracing)


def dialect() -> Dialect:
    """The dialect of the database that the models use in the current task."""
    return cast("Dialect", get_connection("default").capabilities.dialect)


async def rows(sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """What a raw statement returns from the database that the models use in the current task, as `Database.rows`."""
    return [dict(record) for record in await records(sql, values)]


async def records(sql: str, values: Sequence[Any] = ()) -> list[Record]:
    """The same as the driver has it, as `Database.records`."""
    return await cast("Reporting", get_connection("default")).records(sql, values)


@contextmanager
def active(context: TortoiseContext) -> Generator[None]:
    """Make `context` the current one. Unlike its own `__enter__`, any number of tasks may be inside, and nest."""
    token = current_context.set(context)
    try:
        yield
    finally:
        current_context.reset(token)


def forget_statements(connection: str) -> None:
    """Drop the INSERT and DELETE statements that Tortoise keeps for all connections of one name.

    It keeps them by table, whatever the dialect and whichever columns the table had in an earlier migration.
    """
    for key in [key for key in EXECUTOR_CACHE if key[0] == connection]:
        del EXECUTOR_CACHE[key]
