"""A whole database as one file, and back: an archive of pg_dump, or SQLite's own copy. Nobody has to stop meanwhile.

Either is the state of one moment: what a transaction has written is in it wholly or not at all.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- PostgreSQL's own programs
from contextlib import closing, suppress
from pathlib import Path

from adapters.database.addresses import PostgresServer, SqliteFile, parse
from adapters.database.failures import reporting
from core.errors import PorchlightError


class DumpError(PorchlightError):
    """A database was not written down, or not read in. The message says why."""


async def dump(url: str, folder: Path) -> Path:
    """Write a database into `folder`; the file. Raises DumpError."""
    address = parse(url)
    if isinstance(address, SqliteFile):
        file = folder / "database.sqlite3"
        await asyncio.to_thread(copy_sqlite, address.path, file)
    else:
        file = folder / "database.dump"
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={file}"]
        await asyncio.to_thread(_run, "pg_dump", options, address)
    return file


async def load(url: str, file: Path) -> None:
    """Read a file of `dump` into a database in which there is nothing. Raises DumpError when there is something."""
    address = parse(url)
    if isinstance(address, SqliteFile):
        if left := remains(address.path):
            raise DumpError(f"{left[0]} is there already: move away what begins with {address.path} first.")
        await asyncio.to_thread(put_back, file, address.path)
        return
    if await _has_tables(address):
        raise DumpError(f"The database {address.database} holds tables already: name one that has been created anew.")
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    await asyncio.to_thread(_run, "pg_restore", [*options, "--dbname=", str(file)], address)


def copy_sqlite(source: Path, destination: Path) -> None:
    """Copy a SQLite file while it is in use, for its owner alone to read. Raises DumpError, OSError."""
    if not source.exists():
        raise DumpError(f"{source} is not there.")
    os.close(os.open(destination, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(source)) as before, closing(sqlite3.connect(destination)) as after:
            before.backup(after)
            after.execute("PRAGMA journal_mode = DELETE")  # so that reading it writes nothing beside it
    except sqlite3.Error as error:
        raise DumpError(f"{source} was not copied: {error}.") from error


def remains(place: Path) -> list[Path]:
    """What is there of a file and of what SQLite keeps beside it: the log of another would be played into this one."""
    beside = (place.with_name(f"{place.name}{ending}") for ending in ("", "-wal", "-journal", "-shm"))
    return [path for path in beside if path.exists()]


def put_back(copy: Path, place: Path) -> None:
    """Put a copy in its place, wholly or not at all, for its owner alone to read. Raises DumpError."""
    unfinished = place.with_name(f"{place.name}.unfinished")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _copy_privately(copy, unfinished)
        unfinished.rename(place)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise DumpError(f"{place} was not written: {error}.") from error


def _copy_privately(copy: Path, place: Path) -> None:
    made = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with copy.open("rb") as source, os.fdopen(made, "wb") as file:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(made)


async def _has_tables(address: PostgresServer) -> bool:
    import asyncpg  # type: ignore[import-untyped]  # ruff: ignore[import-outside-top-level] -- as in history

    question = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema'))"
    with reporting():
        connection = await asyncpg.connect(**address.parameters())
        try:
            return bool(await connection.fetchval(question))
        finally:
            await connection.close()


def _run(name: str, options: list[str], address: PostgresServer) -> None:
    """Run one of PostgreSQL's programs. Where to and as whom stands in its environment: others see its arguments."""
    program = shutil.which(name)
    if program is None:
        raise DumpError(f"{name} is not on the PATH: install PostgreSQL's client programs, of the server's version.")
    told = {
        "PGHOST": address.host,
        "PGPORT": str(address.port),
        "PGUSER": address.user,
        "PGPASSWORD": address.password,
        "PGDATABASE": address.database,
        "PGSSLMODE": address.ssl,
    }
    environment = {**os.environ, **{key: value for key, value in told.items() if value}}
    done = subprocess.run(  # ruff: ignore[subprocess-without-shell-equals-true] -- a program and its options, of ours
        [program, *options], env=environment, capture_output=True, text=True, check=False, umask=0o077
    )
    if done.returncode:
        raise DumpError(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
