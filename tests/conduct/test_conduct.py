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
from tests import test_socket_frames, test_sockets, test_stream
from tests.conduct import npm
from tests.conduct.checks import AUDITS, LEFT_OPEN, SOCKETS, STREAMS
from tests.porchlight import Porchlight, settings_for
from tests.test_sockets import all_let_go

LICENSES = {"ISC", "MIT"}
ROOT = Path(__file__).parent.parent.parent


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


def figures() -> list[str]:
    """The rows of the paper's table of suites."""
    versions = orjson.loads((npm.HERE / "package.json").read_bytes())["dependencies"]
    streams = Counter(name.partition(": ")[0] for name in STREAMS)
    frames, sockets, stream = test_socket_frames, test_sockets, test_stream
    rows = [
        *((f"graphql-http {versions['graphql-http']}, audits", kind, number) for kind, number in AUDITS.items()),
        (f"graphql-ws {versions['graphql-ws']}", "its client over a WebSocket", len(SOCKETS)),
        (f"graphql-sse {versions['graphql-sse']}", "its client over event streams", streams["graphql-sse"]),
        (f"@urql/core {versions['@urql/core']}", "its client, subscriptions by event streams", streams["urql"]),
        (
            f"eventsource {versions['eventsource']}",
            "EventSource as browsers have it, by a cookie",
            streams["EventSource"],
        ),
        (
            "ours",
            "what is no message of graphql-transport-ws, before and after `connection_init`",
            len(sockets.BEFORE_INIT) + len(sockets.AFTER_INIT),
        ),
        ("ours", "operations that are wrong, over a socket that others share", len(sockets.BAD_OPERATIONS)),
        ("ours", "frames that are no WebSocket", len(frames.MALFORMED)),
        ("ours", "payloads that cannot be read", len(frames.UNREADABLE) + len(frames.NO_MESSAGE)),
        (
            "ours",
            "requests that open no stream, and operations that are wrong in one",
            len(stream.REFUSED) + len(stream.IN_THE_STREAM),
        ),
    ]
    return [f"| {suite} | {what} | {number} of {number} |" for suite, what, number in rows]


def test_figures_of_the_paper() -> None:
    """What docs/conformance.md says of suites and of what is shut is what is compared here, by tests that are there."""
    paper = (ROOT / "docs/conformance.md").read_text().splitlines()
    shut = [f"| {what} | {here} | `{shown}` |" for what, (here, shown) in LEFT_OPEN.items()]
    assert [line for line in [*figures(), *shut] if line not in paper] == []
    shown = {tuple(test.split("::")) for _, test in LEFT_OPEN.values()}
    assert [test for file, test in shown if f"def {test}(" not in (ROOT / file).read_text()] == []
