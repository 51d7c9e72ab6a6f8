"""Which failures mean that the database is gone, locked or full, rather than that our code is wrong."""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeVar

from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.exceptions import BaseORMException, DBConnectionError, TransactionManagementError

from adapters.tracing import Tracing
from core.errors import Unavailable

Result = TypeVar("Result")

CLOSED = "The database was closed meanwhile."

_SQLITE_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}

_POSTGRES_CLASSES = {"08", "28", "3D", "40", "53", "57"}
"""Connection, authorisation, no such database, serialisation and deadlock, resources, operator intervention."""

_POSTGRES_CODES = {"25006", "55P03"}
"""A server that has become a replica; a lock that was not to be had."""


def unavailable(error: BaseException) -> bool:
    """Whether an exception from an ORM call means "database gone, locked or full": try again, nothing is wrong here.

    What Tortoise wraps is looked at too; what merely happened earlier (`__context__`) is not.
    """
    if isinstance(error, BaseORMException) and error.args and isinstance(error.args[0], Exception):
        return unavailable(error.args[0])
    if isinstance(error, Unavailable | DBConnectionError | ConnectionError | TimeoutError):
        return True
    if isinstance(error, sqlite3.Error):
        # The low byte is the primary code; the rest tells variants apart, such as SQLITE_BUSY_SNAPSHOT.
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE_CODES
    # asyncpg's errors are told by module and code, so that SQLite's users need not import it.
    return type(error).__module__.startswith("asyncpg.") and _postgres_gone(error)


def _postgres_gone(error: BaseException) -> bool:
    code = getattr(error, "sqlstate", None)
    if code is not None:
        return code in _POSTGRES_CODES or code[:2] in _POSTGRES_CLASSES
    if any(kind.__name__ == "InternalClientError" for kind in type(error).__mro__):
        return True  # What the server said on leaving was read as an answer: the connection is lost.
    # InterfaceError: the connection or its pool is closed or closing, or the pool has taken back what was lost.
    return any(word in str(error) for word in ("closed", "closing", "released back"))


class reporting:  # ruff: ignore[invalid-class-name] -- used as a verb, twice a statement: a generator costs ten times as much
    """Turn a driver's failure into `Unavailable`. For drivers' calls alone: every OSError counts as theirs."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, Unavailable):
            return
        if isinstance(error, OSError) or unavailable(error):
            raise Unavailable("The database is busy or out of reach. Try again shortly.") from error


class Record(Protocol):
    """One row as the driver has it: its values by name and by place. Iterating gives the values."""

    def __getitem__(self, place: str | int | slice) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...

    def keys(self) -> Any:
        """The names of the columns, in order."""


class PoolState(NamedTuple):
    """Connections of one process: how many there may be, how many are in use, and how many tasks wait for one."""

    limit: int
    used: int
    waiting: int


class Reporting(BaseDBAsyncClient, ABC):
    """Mixed into a Tortoise client, lets every statement of the ORM report `Unavailable`."""

    tracing: Tracing | None = None
    """Who is told of statements; set before it connects."""

    @property
    def pool_state(self) -> PoolState:
        """How busy the connections are."""
        return PoolState(0, 0, 0)

    async def create_connection(self, with_db: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- Tortoise's signature
        with reporting():
            await super().create_connection(with_db)

    async def execute_insert(self, query: str, values: list[Any]) -> Any:
        with reporting():
            return await super().execute_insert(query, values)

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        with reporting():
            await super().execute_many(query, values)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> Any:
        with reporting():
            return await super().execute_query(query, values)

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        with reporting():
            return await super().execute_query_dict(query, values)

    async def execute_script(self, query: str) -> None:
        with reporting():
            await super().execute_script(query)

    @abstractmethod
    async def affected(self, statement: str, values: Sequence[Any]) -> int:
        """Run one INSERT, UPDATE or DELETE and tell how many rows it changed, cascades not counted.

        Each dialect has its own way of counting.
        """

    @abstractmethod
    async def records(self, statement: str, values: Sequence[Any]) -> list[Record]:
        """What one statement returns, as the driver has it: nothing is copied."""


def refuse_ended(client: TransactionalDBClient) -> None:
    """Let no statement pass to a connection that belongs to others by now."""
    if client._finalized:  # ruff: ignore[private-member-access] -- Tortoise's own mark
        raise TransactionManagementError("This task was started inside a transaction that has ended since.")


async def settled(work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work` to its end. A cancellation that arrives meanwhile is raised after that, not instead."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # Looked at, so that it is not reported as forgotten.
        raise cancelled
    return task.result()
