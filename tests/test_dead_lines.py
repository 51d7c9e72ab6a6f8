"""A database that has gone silent: statements end within bounds, and nothing of them is kept."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from adapters.database import Database, addresses
from adapters.database.addresses import PostgresServer, parse
from core.errors import Unavailable
from models import User
from tests.services.mute import line_to
from tests.services.schemas import opened

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@contextlib.asynccontextmanager
async def entered(database: Database, where: str) -> AsyncGenerator[None]:
    """Models may be used, in a transaction or outside of any."""
    if where == "outside":
        with database.bound():
            yield
    else:
        async with database.transaction():
            yield


@pytest.mark.parametrize("where", ["outside", "inside a transaction"])
async def test_a_silent_server_is_unavailable(postgres_url: str, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Who asks is told so within the bound, what was being written is not there, and the next one is answered."""
    monkeypatch.setattr(addresses, "STATEMENT_SECONDS", 0.2)
    address = urlsplit(postgres_url)
    assert address.port is not None
    async with line_to(address.port) as line:
        through = address._replace(netloc=f"postgres@127.0.0.1:{line.port}").geturl()
        async with opened(through, pool_size=2) as database:
            await database.ping()
            line.dead = True
            with pytest.raises(Unavailable):
                async with asyncio.timeout(2), entered(database, where):
                    await User.create(email="ada", email_key="ada", password_hash="-", created_at=NOW)
            line.dead = False
            for _ in range(3):
                async with database.transaction():
                    assert await User.all().update(name="Ada") == 0


async def test_a_stalled_process_gives_up_its_locks(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL takes them back; its transaction is told to be lost, and has done nothing."""
    monkeypatch.setitem(addresses.GIVEN_UP, "idle_in_transaction_session_timeout", "200ms")
    async with opened(postgres_url) as stalled:
        monkeypatch.undo()
        async with opened(postgres_url) as other:
            with other.bound():
                await User.create(id=1, email="ada", email_key="ada", password_hash="-", created_at=NOW)

            async def stall() -> None:
                async with stalled.transaction():
                    await stalled.execute("UPDATE users SET name = 'stalled'")
                    async with asyncio.timeout(2):
                        assert await other.execute("UPDATE users SET name = 'other'") == 1

            with pytest.raises(Unavailable):
                await stall()
            assert await stalled.rows("SELECT name FROM users") == [{"name": "other"}]
            assert await other.rows("SHOW statement_timeout") == [{"statement_timeout": "30s"}]


def test_migrations_may_take_as_long_as_they_do() -> None:
    """Only the pool of a server or a worker has the bound."""
    address = parse("postgres://ada@localhost/porchlight")
    assert isinstance(address, PostgresServer)
    assert not {"command_timeout", "server_settings"} & set(address.connection()["credentials"])
    assert address.connection(bounded=True)["credentials"]["command_timeout"] == 20.0
    told = address.connection(bounded=True)["credentials"]["server_settings"]
    assert {name: setting for name, setting in told.items() if name.startswith("tcp")} == {
        "tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
    }  # fmt: skip
