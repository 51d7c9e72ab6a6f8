"""What a database URL says, read once for the ORM, for migrations and for the look at the history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Dialect = Literal["sqlite", "postgres"]

CONNECT_SECONDS = 5.0
"""How long connecting to PostgreSQL may take before it counts as unavailable."""
STATEMENT_SECONDS = 20.0
"""How long a statement of a running server or worker may take before its connection counts as lost.

A machine that is cut off says nothing: without a bound the system would go on sending for a quarter of an hour.
Migrations have none.
"""
GIVEN_UP_SECONDS = 30.0
"""When PostgreSQL gives up a transaction of a running server or worker that says nothing, or a statement of its.

The other way round: a machine that is cut off or stalled would keep its locks and connections for two hours, the
system's own patience. It is longer than a statement may take, so that who asks is the first to know.
"""
GIVEN_UP = {
    "statement_timeout": f"{GIVEN_UP_SECONDS:g}s",
    "idle_in_transaction_session_timeout": f"{GIVEN_UP_SECONDS:g}s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""What PostgreSQL is told of such a connection, also when to look whether a silent one still has another end: seconds.
"""


@dataclass(frozen=True)
class SqliteFile:
    """A database file. `busy_timeout` is in milliseconds: how long a statement waits for another process's lock."""

    dialect: ClassVar[Dialect] = "sqlite"
    path: Path
    busy_timeout: int = 5000

    def connection(self, *, foreign_keys: bool = True) -> dict[str, Any]:
        """Tortoise's form of this address. The lock's patience is set first: switching to WAL may need it."""
        pragmas = {
            "busy_timeout": self.busy_timeout,
            "journal_mode": "WAL",
            "foreign_keys": "ON" if foreign_keys else "OFF",
            "synchronous": "NORMAL",
        }
        return {"engine": "adapters.database.sqlite", "credentials": {"file_path": str(self.path), **pragmas}}


@dataclass(frozen=True)
class PostgresServer:
    """One database of a server. `host` may be the folder of a Unix socket."""

    dialect: ClassVar[Dialect] = "postgres"
    host: str | None
    port: int
    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    ssl: str | None

    def parameters(self) -> dict[str, Any]:
        """What asyncpg's connect() takes."""
        optional = {"ssl": self.ssl} if self.ssl else {}
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "timeout": CONNECT_SECONDS,
            **optional,
        }

    def connection(self, *, pool_size: int = 1, bounded: bool = False) -> dict[str, Any]:
        """Tortoise's form of this address, with a pool of one to `pool_size` connections."""
        credentials = {**self.parameters(), "minsize": 1, "maxsize": pool_size}
        if bounded:
            credentials |= {"command_timeout": STATEMENT_SECONDS, "server_settings": GIVEN_UP}
        return {"engine": "adapters.database.postgres", "credentials": credentials}


def parse(url: str) -> SqliteFile | PostgresServer:
    """Read `sqlite://folder/file` (relative), `sqlite:///file` (absolute) or `postgres://user:password@host:port/name`.

    SQLite takes `?busy_timeout=` in milliseconds; PostgreSQL takes `?host=` for a Unix socket's folder, and
    `?port=`, `?user=`, `?password=`, `?sslmode=` as libpq does (section 34.1.1.2 of PostgreSQL's manual).
    Raises ValueError for anything else; the message never holds the password.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if parts.scheme == "sqlite":
        return _sqlite(parts, options)
    if parts.scheme in {"postgres", "postgresql"}:
        return _postgres(parts, options)
    raise ValueError(f"A database URL starts with sqlite:// or postgres://, not {parts.scheme!r}.")


def _sqlite(parts: SplitResult, options: Mapping[str, str]) -> SqliteFile:
    path = unquote(parts.netloc + parts.path)
    if not path or path.endswith("/") or ":memory:" in path:
        raise ValueError("A SQLite URL names a file: a database in memory would be lost with its connection.")
    _refuse_unknown(options, {"busy_timeout"})
    return SqliteFile(Path(path), int(options.get("busy_timeout", SqliteFile.busy_timeout)))


def _postgres(parts: SplitResult, options: Mapping[str, str]) -> PostgresServer:
    _refuse_unknown(options, {"host", "port", "user", "password", "sslmode"})
    return PostgresServer(
        host=parts.hostname or options.get("host"),
        port=parts.port or int(options.get("port", 5432)),
        user=_text(parts.username) or options.get("user"),
        password=_text(parts.password) or options.get("password"),
        database=_text(parts.path.removeprefix("/")),
        ssl=options.get("sslmode"),
    )


def _text(quoted: str | None) -> str | None:
    return unquote(quoted) if quoted else None


def _refuse_unknown(options: Mapping[str, str], known: set[str]) -> None:
    if unknown := sorted(options.keys() - known):
        raise ValueError(f"Unknown options in the database URL: {', '.join(unknown)}.")
