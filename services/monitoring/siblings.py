"""The processes of one server: each tells its own figures to whichever of them is asked for those of all.

They share an address, so that a scrape reaches one of them, which nobody chooses. Each takes the lowest free number of
a folder that they share, and listens at a socket of that number there. Who takes over the number of a process that has
died goes on with its series: to Prometheus that is a counter that was set back.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

DEADLINE = 3.0
"""Seconds that another process has to tell its figures. One that does not is missing, and is counted as such."""
END = b"# EOF\n"
"""What a process closes its figures with: those of one that died in the middle are not to be used."""

log = structlog.get_logger(__name__)


class Siblings:
    """One process among them. `folder` is theirs alone; `tell` gives the figures of this one."""

    def __init__(self, folder: Path, tell: Callable[[], Awaitable[bytes]]) -> None:
        self._folder = folder
        self._tell = tell
        self._lock = -1
        self._server: asyncio.Server | None = None
        self.number = 0

    async def open(self) -> None:
        """Take a number, and listen."""
        self.number, self._lock = _taken(self._folder)
        path = self._socket(self.number)
        path.unlink(missing_ok=True)  # of the process that had the number before
        self._server = await asyncio.start_unix_server(self._answer, path)

    @asynccontextmanager
    async def telling(self) -> AsyncGenerator[None]:
        """Open for as long as the context lasts."""
        await self.open()
        try:
            yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop listening, and give the number back."""
        if self._server is not None:
            self._server.close()
            self._socket(self.number).unlink(missing_ok=True)
            os.close(self._lock)
            self._server = None

    async def ask_all(self) -> dict[str, bytes]:
        """The figures of all processes that answer, by their numbers."""
        numbers = sorted(int(path.stem) for path in self._folder.glob("*.sock"))
        others = [number for number in numbers if number != self.number]
        mine, *told = await asyncio.gather(self._tell(), *map(self._ask, others))
        found = {self.number: mine} | {number: text for number, text in zip(others, told, strict=True) if text}
        return {str(number): found[number] for number in sorted(found)}

    async def _ask(self, number: int) -> bytes:
        try:
            async with asyncio.timeout(DEADLINE):
                text = await self._read(number)
        except (OSError, TimeoutError) as error:
            pid = (self._folder / f"{number}.lock").read_text(encoding="ascii")
            log.warning("siblings.silent", process=number, pid=pid, error=repr(error))
            return b""
        return text.removesuffix(END) if text.endswith(END) else b""

    async def _read(self, number: int) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._socket(number))
        try:
            return await reader.read()
        finally:
            writer.close()

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(await self._tell() + END)
            await writer.drain()
        writer.close()

    def _socket(self, number: int) -> Path:
        return self._folder / f"{number}.sock"


def _taken(folder: Path) -> tuple[int, int]:
    """The lowest number that no living process has, and the file that holds it for as long as this one lives."""
    number = 1
    while True:
        lock = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            number += 1
        else:
            os.truncate(lock, 0)
            os.write(lock, b"%d" % os.getpid())  # for who has to end it
            return number, lock
