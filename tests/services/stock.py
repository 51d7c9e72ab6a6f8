"""Databases that hold the catalogue and its vectors, to make copies of."""

import shutil
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from adapters.database.migrating import migrate
from services import recommendations
from services.app import opened
from tests.porchlight import prepared, settings_for
from tests.services.begun import begin
from tests.services.postgres import PostgresServer, finished, name_of


async def stock(database_url: str, folder: Path) -> None:
    """Bring the catalogue into a migrated database, as the program's job does."""
    await begin(database_url)
    app = prepared(settings_for(database_url, "", f"outbox://{folder / 'outbox'}"))
    async with opened(app):
        await recommendations.prepare(app, {})


@pytest.fixture(scope="session")
def stocked_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stocked file."""
    folder = tmp_path_factory.mktemp("stocked")
    file = folder / "template.sqlite3"
    finished(migrate(f"sqlite://{file}"))
    finished(stock(f"sqlite://{file}", folder))
    return file


@pytest.fixture(scope="session")
def stocked_postgres(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The name of a stocked database."""
    url = finished(postgres_server.create())
    finished(migrate(url))
    finished(stock(url, tmp_path_factory.mktemp("stocked")))
    yield name_of(url)
    finished(postgres_server.drop(url))


@pytest.fixture
def stocked_sqlite_url(tmp_path: Path, stocked_sqlite: Path) -> str:
    """A stocked file, for one test."""
    shutil.copyfile(stocked_sqlite, tmp_path / "stocked.sqlite3")
    return f"sqlite://{tmp_path / 'stocked.sqlite3'}"


@pytest.fixture
async def stocked_postgres_url(postgres_server: PostgresServer, stocked_postgres: str) -> AsyncGenerator[str]:
    """A stocked database, for one test."""
    url = await postgres_server.create(stocked_postgres)
    yield url
    await postgres_server.drop(url)
