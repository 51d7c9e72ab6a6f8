"""Which migrations there are and which of them a database has had, told without the migration framework.

A normal start asks only this.
"""

import asyncio
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from adapters.database.addresses import CONNECT_SECONDS, PostgresServer, SqliteFile, parse
from adapters.database.failures import reporting

TABLE = "tortoise_migrations"
_NAMES = f"SELECT name FROM {TABLE} WHERE app = 'models'"  # ruff: ignore[hardcoded-sql-expression] -- a constant


async def pending(url: str, *, history: str = "migrations") -> list[str]:
    """The names of the migrations that a database still needs, in their order. A missing SQLite file needs all."""
    had = await applied(url)
    return [name for name in on_disk(history) if name not in had]


async def applied(url: str) -> set[str]:
    """The names of the migrations that a database has had, known to us or not. A missing SQLite file has had none."""
    address = parse(url)
    with reporting():
        if isinstance(address, SqliteFile):
            return await asyncio.to_thread(_applied_to_sqlite, address)
        return await _applied_to_postgres(address)


def on_disk(history: str) -> list[str]:
    """The names of a history's migrations: `history` is a package, its files are numbered."""
    spec = find_spec(history)
    if spec is None or spec.submodule_search_locations is None:
        raise LookupError(f"There is no package of migrations named {history}.")
    return sorted(file.stem for place in spec.submodule_search_locations for file in Path(place).glob("[0-9]*.py"))


def _applied_to_sqlite(address: SqliteFile) -> set[str]:
    if not address.path.exists():
        return set()
    with closing(sqlite3.connect(f"file:{quote(str(address.path))}?mode=ro", uri=True)) as connection:
        connection.execute(f"PRAGMA busy_timeout={address.busy_timeout}")
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [TABLE]).fetchone()
        return {name for (name,) in connection.execute(_NAMES)} if known else set()


async def _applied_to_postgres(address: PostgresServer) -> set[str]:
    import asyncpg  # type: ignore[import-untyped]  # ruff: ignore[import-outside-top-level] -- 30 ms that a start on SQLite does not owe

    connection = await asyncpg.connect(**address.parameters())
    try:
        known = await connection.fetchval("SELECT to_regclass($1)", TABLE)
        return {row["name"] for row in await connection.fetch(_NAMES)} if known else set()
    finally:
        await connection.close(timeout=CONNECT_SECONDS)
