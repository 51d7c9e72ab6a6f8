"""A server beside a test that waits for it: in a thread, with a loop of its own."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from core.settings import Settings
from models import Role
from tests.clock import ManualClock
from tests.porchlight import running
from tests.staff import staff


@dataclass(frozen=True)
class Served:
    """Where it answers, and the tokens of those who may ask: nobody, a user, an administrator."""

    url: str
    tokens: tuple[str | None, ...]


@contextmanager
def served(settings: Settings) -> Generator[Served]:
    """A server that listens, with a user and an administrator."""
    started, stop, found = threading.Event(), threading.Event(), list[Served]()

    async def serving() -> None:
        async with running(settings, ManualClock()) as porchlight:
            user = await porchlight.register()
            admin = await staff(porchlight, Role.ADMIN)
            found.append(Served(porchlight.url, (None, user.access_token, admin.access_token)))
            started.set()
            await asyncio.to_thread(stop.wait)

    def serve() -> None:
        try:
            asyncio.run(serving())
        finally:
            started.set()

    thread = threading.Thread(target=serve)
    thread.start()
    started.wait()
    try:
        yield found[0]
    finally:
        stop.set()
        thread.join()
