"""`/graphql/stream`: the answers of one operation as server-sent events, graphql-sse's distinct connections (ADR 0059).

What is wrong with the request has its status; what is wrong with the operation is told in the stream.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.errors import RateLimited, Unauthenticated, Unavailable
from schema.context import Context
from schema.errors import failure
from services.measuring import Transport
from services.turns import Share
from web.answers import NO_STORE, errors_answer
from web.asked import operation_in, operation_in_url
from web.client import client_of
from web.cookies import CookieJar
from web.following import Errors, Following
from web.graphql import ALLOWED, refusal
from web.headers import IndexedRequest
from web.http_protocol import TRANSPORT
from web.requests import EVENTS, JSON, BadRequestError, accepted_media_type, accepts_events, read_json_object
from web.runtime import Operation, Runtime
from web.sockets.protocol import TAKEN_BY_SYSTEM, TAKEN_BY_US
from web.watch import Watch

MOST = 100
"""Streams that one person may have open, or one address without a person: as many as a socket has operations."""
KEEP_ALIVE = 12.0
"""Seconds of silence after which a comment is sent. Who takes nothing for as long again is cut off."""
PATIENCE = 5.0
"""Seconds that a client has to take the end of its stream."""
DRAINED_WITHIN = 0.25
"""Seconds between two looks at whether the process is stopping."""
HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",  # its buffers have been made small
    "X-Accel-Buffering": "no",  # nginx passes each event on as it comes
}
WITHOUT_BODY = {
    "HEAD": Response(None, HTTPStatus.OK, HEADERS, EVENTS),
    "OPTIONS": Response(None, HTTPStatus.NO_CONTENT, {**ALLOWED, **NO_STORE}),
}
BEAT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
"""The empty field is for browsers' EventSource, which tells of no event without data."""

log = structlog.get_logger(__name__)


class Streams:
    """Answers operations by streams, each of which is watched while it lasts."""

    def __init__(self, runtime: Runtime, watch: Watch) -> None:
        self._runtime = runtime
        self._watch = watch
        self._jar = CookieJar(runtime.app.settings)
        self._places = Places()
        self._open: set[Stream] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = IndexedRequest(scope, receive)
        media_type = accepted_media_type(request.headers.get("accept")) or JSON
        if request.method in WITHOUT_BODY:
            await WITHOUT_BODY[request.method](scope, receive, send)
            return
        try:
            operation, context = await self._asked(request)
            with self._places.taken(_whose(context)) as context.openings:
                await self._serve(request, operation, context, send)
        except (BadRequestError, Unauthenticated, RateLimited) as error:
            await _refusal(error, media_type)(scope, receive, send)
        except ClientDisconnect:
            raise
        except Exception as error:  # ruff: ignore[blind-except] -- counted as an opening that failed, and told
            message, extensions = failure(error)
            self._runtime.measure(Transport.STREAM, [extensions["code"]])
            unavailable = extensions["code"] == "UNAVAILABLE"
            status = HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.INTERNAL_SERVER_ERROR
            await errors_answer(status, message, extensions, media_type)(scope, receive, send)

    async def _asked(self, request: Request) -> tuple[Operation, Context]:
        if not accepts_events(request.headers.get("accept")):
            raise BadRequestError(HTTPStatus.NOT_ACCEPTABLE, f"Answers are {EVENTS}.")
        if self._runtime.app.draining:
            raise Unavailable(retry_after=1)
        if request.method == "POST":
            operation = operation_in(await read_json_object(request), self._runtime.trusted)
        else:
            operation = operation_in_url(request, self._runtime.trusted)
        return operation, await self._context(request)

    async def _context(self, request: Request) -> Context:
        runtime, given = self._runtime, request.headers.get("authorization")
        kept = self._kept(request) if given is None else None
        context = Context(
            app=runtime.app,
            client=client_of(request, runtime.app.settings.trusted_proxies),
            changes=request.method == "POST" and kept is None,
        )
        if given or kept:
            async with runtime.app.openings.turn():
                context.viewer = await runtime.viewer(given or f"Bearer {kept}")
        return context

    def _kept(self, request: Request) -> str | None:
        """A cookie's token. Browsers' EventSource sends no header of ours, but says that the page is of our origin."""
        cookies = self._jar.read(request)
        if cookies is None and request.headers.get("sec-fetch-site") != "same-origin":
            return None
        return self._jar.access_token(request)

    async def _serve(self, request: Request, operation: Operation, context: Context, send: Send) -> None:
        stream = Stream(context, request, send)
        self._open.add(stream)
        if stream.viewer is not None:
            self._watch.join(stream)
        with self._runtime.app.metrics.streams.track_inprogress():
            try:
                await stream.serve(self._runtime, operation)
            finally:
                self._open.discard(stream)
                self._watch.leave(stream)

    @asynccontextmanager
    async def draining(self) -> AsyncGenerator[None, None]:
        """End all streams when the process is told to stop, so that their clients go to another one."""
        looking = asyncio.create_task(self._drain())
        try:
            yield
        finally:
            looking.cancel()

    async def _drain(self) -> None:
        while True:
            await asyncio.sleep(DRAINED_WITHIN)
            if self._runtime.app.draining:
                for stream in tuple(self._open):
                    stream.leave_off()


@dataclass(slots=True)
class _Place:
    share: Share = field(default_factory=Share)
    streams: int = 0


class Places:
    """How many streams each client has open, and each client's part of the line in which subscriptions open."""

    def __init__(self) -> None:
        self._of: dict[str, _Place] = {}

    @contextmanager
    def taken(self, whose: str) -> Generator[Share]:
        """Take a place while the context lasts. Raises RateLimited."""
        place = self._of.setdefault(whose, _Place())
        if place.streams >= MOST:
            raise RateLimited(retry_after=1)
        place.streams += 1
        try:
            yield place.share
        finally:
            place.streams -= 1
            if not place.streams:
                del self._of[whose]


def _refusal(error: BadRequestError | Unauthenticated | RateLimited, media_type: str) -> Response:
    """The answer to a request that opens no stream. What is none of its fault is told as in a stream."""
    if isinstance(error, BadRequestError) and error.status is HTTPStatus.OK:
        return Response(failed(error.message, error.code) + COMPLETE, HTTPStatus.OK, HEADERS, EVENTS)
    return refusal(error, media_type)


def _whose(context: Context) -> str:
    return f"user {context.viewer.user.id}" if context.viewer else f"address {context.client.ip}"


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

    async def end(self, _: int, reason: str) -> None:
        """End the stream, after what is being changed, with the reason as its last event."""
        self._leave(
            told({"errors": [{"message": f"{reason}.", "extensions": {"code": Unauthenticated.code}}]}) + COMPLETE
        )

    def leave_off(self) -> None:
        """End the stream without an end: clients connect again."""
        self._leave(b"")

    def _leave(self, end: bytes) -> None:
        self._end = end
        self.stop()

    async def tell(self, content: dict[str, Any]) -> None:
        await self._write(told(content))

    def tell_plain(self, data: bytes) -> Awaitable[None] | None:
        return self._write(b'event: next\ndata: {"data":%b}\n\n' % data)

    async def _run(self, runtime: Runtime, operation: Operation) -> None:
        errors: Errors = await self.run(runtime, operation)
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
