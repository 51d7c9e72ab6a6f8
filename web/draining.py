"""What a process answers once it has been told to stop, so that clients go elsewhere and lose nothing (ADR 0062)."""

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import FrameType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.app import App

RETRY_AFTER = [(b"retry-after", b"1"), (b"content-length", b"0")]


STOPPED_BY = (signal.SIGTERM, signal.SIGINT)
LEAVING_SECONDS = 0.5
"""How long what is open has, to leave by itself."""


@asynccontextmanager
async def heeding_signals(app: App) -> AsyncGenerator[None, None]:
    """Let the app know when its process is told to stop, under a server that tells only when nothing is open any more.

    The server's own handlers, which stand before the application opens, do what they did besides, once sockets had time
    to bring to an end what is under way: the server cuts them off. A second signal waits for nothing.
    """
    loop = asyncio.get_running_loop()
    known = STOPPED_BY if threading.current_thread() is threading.main_thread() else ()
    theirs = {number: handler for number in known if callable(handler := signal.getsignal(number))}

    def stop(number: int, frame: FrameType | None) -> None:
        goes_on = theirs[signal.Signals(number)]
        if app.draining:
            goes_on(number, frame)
            return
        app.draining = True
        loop.call_soon_threadsafe(app.stopping.set)
        # Not as SIGINT: after Ctrl-C the first process sends SIGTERM, too, and a server would take this for impatience.
        loop.call_soon_threadsafe(loop.call_later, LEAVING_SECONDS, goes_on, signal.SIGTERM, None)

    for number in theirs:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in theirs.items():
            signal.signal(number, handler)


class Draining:
    """Pure ASGI, around everything: each answer is the last one of its connection, and no socket is let in."""

    def __init__(self, inner: ASGIApp, app: App) -> None:
        self._inner = inner
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._app.draining or scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["type"] == "websocket":
            await _refuse(receive, send)
        else:
            await self._inner(scope, receive, _last(send))


def _last(send: Send) -> Send:
    """Send an answer that says that the connection ends with it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return sending


async def _refuse(receive: Receive, send: Send) -> None:
    """Refuse a handshake with 503: a proxy asks the next server, a client tries again."""
    await receive()
    start = {"type": "websocket.http.response.start", "status": HTTPStatus.SERVICE_UNAVAILABLE, "headers": RETRY_AFTER}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": b""})
