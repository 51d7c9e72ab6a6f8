"""What the public suites and clients of npm find of the running server, exactly."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from core.settings import Settings
from tests.conduct import npm
from tests.conduct.checks import AUDITS, SOCKETS, STREAMS
from tests.porchlight import Porchlight, settings_for
from tests.test_sockets import all_let_go

LICENSES = {"ISC", "MIT"}


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """One profile: nothing here depends on where rows live."""
    return settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")


@asynccontextmanager
async def flowing(porchlight: Porchlight) -> AsyncGenerator[None]:
    """Let time pass meanwhile, a second every 20 ms."""

    async def flow() -> None:
        while True:
            await porchlight.clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(flow())
    try:
        yield
    finally:
        task.cancel()


async def found_by(porchlight: Porchlight, script: str, people: int) -> dict[str, Any]:
    """What the checks of a script find, with so many people signed in."""
    tokens = [(await porchlight.register(f"{number}@example.com")).access_token for number in range(people)]
    async with flowing(porchlight):
        found: dict[str, Any] = await npm.run(script, porchlight.url, *tokens)
    await all_let_go(porchlight)
    return found


async def test_audits_of_graphql_http(porchlight: Porchlight) -> None:
    """Whatever a server must, should and may do."""
    found = await npm.run("audits.mjs", f"{porchlight.url}/graphql")
    assert [audit for audit in found if audit["status"] != "ok"] == []
    assert Counter(audit["name"].split()[0] for audit in found) == AUDITS


async def test_sockets_by_graphql_ws(porchlight: Porchlight) -> None:
    """The client's own view of each operation and each end."""
    assert await found_by(porchlight, "sockets.mjs", 3) == SOCKETS


async def test_streams_by_graphql_sse_urql_and_event_source(porchlight: Porchlight) -> None:
    """Three readers, each with its own way."""
    assert await found_by(porchlight, "streams.mjs", 4) == STREAMS


def test_lock_holds_hashes_and_no_address() -> None:
    """Any registry may serve the suites, and each may be used by anybody."""
    locked = (npm.HERE / "package-lock.json").read_bytes()
    assert b"://" not in locked
    packages = [package for name, package in orjson.loads(locked)["packages"].items() if name]
    assert len(packages) == 10
    assert [package for package in packages if "resolved" in package or "integrity" not in package] == []
    assert {package["license"] for package in packages} <= LICENSES
