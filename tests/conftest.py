"""Fixtures for all tests.

`porchlight` is a running server. Every test that uses it runs twice: on SQLite with what is embedded, and on PostgreSQL
with Valkey, on one of them compiled and on the other interpreted (see `executors`).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from core.settings import Settings
from engine import events, extension
from services.ports import Ports
from services.recommendations import candidates
from tests.clock import ManualClock
from tests.executors import executor_of
from tests.porchlight import Porchlight, running, settings_for
from tests.services.begun import built_once, looked_through_once, read_once

pytest_plugins = [
    "tests.services.postgres",
    "tests.services.schemas",
    "tests.services.smtp",
    "tests.services.stock",
    "tests.services.valkey",
    "tests.program",
]

# With the values of all variables, as structlog has them by itself, a traceback takes seconds.
_console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _console])

Start = Callable[..., Awaitable[Porchlight]]


@pytest.fixture(params=["embedded", "production"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of one profile, over a migrated and empty database."""
    mail_url, payments_url = f"outbox://{tmp_path / 'outbox'}", f"simulated://{tmp_path / 'stripe.sqlite3'}"
    chosen = {"payments_url": payments_url, "graphql_executor": executor_of(request)}
    if request.param == "embedded":
        return settings_for(request.getfixturevalue("sqlite_url"), "", mail_url, **chosen)
    return settings_for(
        request.getfixturevalue("postgres_url"),
        request.getfixturevalue("redis_url"),
        mail_url,
        **chosen,
    )


@pytest.fixture(params=["embedded", "production"])
def stocked_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of one profile, over a database that holds the catalogue and its vectors."""
    mail_url, payments_url = f"outbox://{tmp_path / 'outbox'}", f"simulated://{tmp_path / 'stripe.sqlite3'}"
    chosen = {"payments_url": payments_url, "graphql_executor": executor_of(request)}
    if request.param == "embedded":
        return settings_for(request.getfixturevalue("stocked_sqlite_url"), "", mail_url, **chosen)
    return settings_for(
        request.getfixturevalue("stocked_postgres_url"),
        request.getfixturevalue("redis_url"),
        mail_url,
        **chosen,
    )


@pytest.fixture
def clock() -> ManualClock:
    """The time of the test."""
    return ManualClock()


@pytest.fixture
async def start(settings: Settings, clock: ManualClock) -> AsyncGenerator[Start]:
    """Start a server with other settings or ports; several of them share the database and the clock."""
    from dataclasses import replace

    async with AsyncExitStack() as stack:

        async def starting(*, ports: Ports | None = None, **changes: Any) -> Porchlight:
            return await stack.enter_async_context(running(replace(settings, **changes), clock, ports))

        yield starting


@pytest.fixture
async def porchlight(start: Start) -> Porchlight:
    """A running server."""
    return await start()


@pytest.fixture(scope="session", autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- few tests ask for anything twice
def compiled_at_once() -> Generator[None]:
    """An operation is compiled at its first execution."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extension, "THRESHOLD", 1)
        patch.setattr(events, "THRESHOLD", 1)
        yield


@pytest.fixture(scope="session", autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- whatever starts an app
def made_once() -> Generator[None]:
    """What is the same for all servers of a process is made once."""
    with pytest.MonkeyPatch.context() as patch, looked_through_once():
        read_once(patch)
        built_once(patch)
        yield


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- whatever recommends, recommends with time
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists have more time on a machine that is busy with other tests; a little more where that time is tested."""
    seconds = 1.0 if request.node.path.name in {"test_ranking.py", "test_degraded.py"} else 10.0
    monkeypatch.setattr(candidates, "DEADLINE", seconds)
    monkeypatch.setattr(candidates, "EMBED_WITHIN", seconds / 2)
