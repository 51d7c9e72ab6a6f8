"""A line to a server that can go dead: connections stand, and nothing passes any more."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


class Line:
    """Passes on what comes, while it is not `dead`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dead = False
        self._there = port

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways."""
        if self.dead:
            await self._carried(reader, writer)
            return
        answers, requests = await asyncio.open_connection("127.0.0.1", self._there)
        await asyncio.gather(self._carried(reader, requests), self._carried(answers, writer))

    async def _carried(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if not self.dead:
                    writer.write(data)
        writer.close()


@asynccontextmanager
async def line_to(port: int) -> AsyncGenerator[Line]:
    """A line to a server on this machine; `port` is where it is to be had."""
    line = Line(port)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
