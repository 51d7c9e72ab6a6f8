"""The open sockets of this process, by session."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog
from starlette.websockets import WebSocket

from services import sessions
from web.client import client_of
from web.runtime import Runtime
from web.sockets.connection import Socket

PROTOCOL = "graphql-transport-ws"
REVIEW_INTERVAL = 60.0
"""Seconds between two looks at the sessions of all sockets, on the app's clock."""
REVIEWED_AT_ONCE = 1_000

log = structlog.get_logger(__name__)


class Sockets:
    """The open sockets of this process, by session, so that a session that ends takes its sockets along."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._by_session: dict[str, set[Socket]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None, None]:
        """Watch for sessions that end: the bus tells of those that are ended, the clock of those that expire."""
        unsubscribe = self._runtime.app.bus.subscribe(sessions.CHANNEL, self._revoked, resync=self.review)
        reviewing = asyncio.create_task(self._review_regularly())
        try:
            yield
        finally:
            unsubscribe()
            reviewing.cancel()

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one socket to its end."""
        settings = self._runtime.app.settings
        origin = websocket.headers.get("origin")
        if origin is not None and origin.lower() not in settings.origins:
            await websocket.close(1008)
            return
        if PROTOCOL not in websocket.scope.get("subprotocols", []):
            await websocket.accept()
            await websocket.close(4406, "Subprotocol not acceptable")
            return
        await websocket.accept(PROTOCOL)
        socket = Socket(websocket, self._runtime, client_of(websocket, settings.trusted_proxies), self._joined)
        with self._runtime.app.metrics.sockets.track_inprogress():
            try:
                await socket.serve()
            finally:
                self._left(socket)

    def _joined(self, socket: Socket) -> None:
        assert socket.viewer is not None
        self._by_session.setdefault(socket.viewer.session.key, set()).add(socket)

    def _left(self, socket: Socket) -> None:
        if socket.viewer is None:
            return
        key = socket.viewer.session.key
        members = self._by_session.get(key, set())
        members.discard(socket)
        if not members:
            self._by_session.pop(key, None)

    def _revoked(self, session_key: str) -> None:
        for socket in list(self._by_session.get(session_key, ())):
            closing = asyncio.create_task(socket.end(4401, "The session has ended"))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _review_regularly(self) -> None:
        while True:
            await self._runtime.app.clock.sleep(REVIEW_INTERVAL)
            try:
                await self.review()
            except Exception:
                log.warning("sockets.review_failed", exc_info=True)

    async def review(self) -> None:
        """Look at every session again: some expire without a word, and messages may have been lost."""
        keys = list(self._by_session)
        with self._runtime.app.database.bound():
            for start in range(0, len(keys), REVIEWED_AT_ONCE):
                for key in await sessions.ended_among(self._runtime.app, keys[start : start + REVIEWED_AT_ONCE]):
                    self._revoked(key)
