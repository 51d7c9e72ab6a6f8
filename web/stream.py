"""One event stream: an operation's answers as server-sent events, as graphql-sse has them (ADR 0059)."""

import asyncio
import socket
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from core.errors import Unauthenticated
from schema.context import Context
from services.measuring import Transport
from web.following import Following
from web.http_protocol import TRANSPORT
from web.requests import EVENTS
from web.runtime import Operation, Runtime
from web.sockets.protocol import TAKEN_BY_SYSTEM, TAKEN_BY_US
from web.watch import RESTARTING

KEEP_ALIVE = 12.0
"""Seconds of silence after which a comment is sent. Who takes nothing for as long again is cut off."""
PATIENCE = 5.0
"""Seconds that a client has to take the end of its stream."""
HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",  # its buffers have been made small
    "X-Accel-Buffering": "no",  # nginx passes each event on as it comes
}
BEAT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
"""The empty field is for browsers' EventSource, which tells of no event without data."""

log = structlog.get_logger(__name__)


class Stream(Following):
    """The operation of one request."""

    def __init__(self, context: Context, request: Request, send: Send) -> None:
        super().__init__(context, Transport.STREAM)
        self.viewer = context.viewer
        self._request = request
        self._send = send
        self._below: asyncio.WriteTransport = request.scope["extensions"][TRANSPORT]["transport"]
        self._sending = asyncio.Lock()
        self._written = 0
        self._end: bytes | None = None
        """What the client is told when its stream is ended for it."""

    async def serve(self, runtime: Runtime, operation: Operation) -> None:
        """Tell the operation's answers until it is over, or the client has gone or reads no more."""
        narrow(self._below)
        response = Response(None, HTTPStatus.OK, HEADERS, EVENTS)
        del response.headers["content-length"]
        await self._send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": response.raw_headers})
        await self._write(BEAT)
        if self._end is not None:  # it was ended while its client took its time
            await self._finish(self._end)
            return
        self.task = running = asyncio.create_task(self._run(runtime, operation))
        gone, silent = asyncio.create_task(self._gone()), asyncio.create_task(self._beat())
        try:
            await asyncio.wait({running, gone, silent}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.heard = running.done()
            for task in (gone, silent):
                task.cancel()
            if not self.heard and silent.done():
                self._cut_off()
            self.stop()
            await asyncio.wait({running})
            self.let_go()
        await (self._finish(self._end if running.cancelled() else COMPLETE) if self.heard else self._gone())

    async def end(self, code: int, reason: str) -> None:
        """End the stream, the reason as its last event; to restart without an end, so that its client comes again."""
        self._end = b"" if (code, reason) == RESTARTING else failed(f"{reason}.", Unauthenticated.code) + COMPLETE
        self.stop()

    async def tell(self, content: dict[str, Any]) -> None:
        await self._write(told(content))

    def tell_plain(self, data: bytes) -> Awaitable[None] | None:
        return self._write(b'event: next\ndata: {"data":%b}\n\n' % data)

    async def _run(self, runtime: Runtime, operation: Operation) -> None:
        errors = await self.run(runtime, operation)
        if errors and self.heard:
            await self.tell({"errors": errors})

    async def _gone(self) -> None:
        """Wait until the client has left."""
        while (await self._request.receive())["type"] != "http.disconnect":
            pass

    async def _beat(self) -> None:
        """Break the silence, as often as there is any, until the client takes nothing any more."""
        while True:
            before = self._written
            await asyncio.sleep(KEEP_ALIVE)
            if self._written != before:
                continue
            try:
                async with asyncio.timeout(KEEP_ALIVE):
                    await self._write(BEAT)
            except TimeoutError:
                return

    async def _write(self, data: bytes) -> None:
        async with self._sending:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
            self._written += 1

    async def _finish(self, last: bytes | None) -> None:
        """Send the end. A client that does not take it is cut off."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._send({"type": "http.response.body", "body": last or b"", "more_body": False})
        except TimeoutError:
            self._cut_off()
            await self._gone()

    def _cut_off(self) -> None:
        log.info("stream.cut_off")
        self._below.abort()


def narrow(transport: asyncio.WriteTransport) -> None:
    """Let little wait for a client that does not read: what is newest is kept elsewhere."""
    transport.set_write_buffer_limits(high=TAKEN_BY_US)
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TAKEN_BY_SYSTEM)


def told(content: dict[str, Any]) -> bytes:
    """An answer as an event. JSON of one line: no line of it can be taken for a field."""
    return b"event: next\ndata: %b\n\n" % orjson.dumps(content)


def failed(message: str, code: str) -> bytes:
    """An error as an event."""
    return told({"errors": [{"message": message, "extensions": {"code": code}}]})
