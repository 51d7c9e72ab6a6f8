"""The open sockets of this process, by session and by user."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import structlog
from starlette.websockets import WebSocket

from services import access, sessions
from services.sessions import State
from web.client import client_of
from web.runtime import Runtime
from web.sockets.connection import ENDED, LOWERED, SUSPENDED, Socket

PROTOCOL = "graphql-transport-ws"
REVIEW_INTERVAL = 3.0
"""Seconds between two looks at the sessions of all sockets, on the app's clock.

A socket outlives its session by at most 5 s (docs/sessions.md): these, and the time that a look takes.
"""
REVIEWED_AT_ONCE = 1_000
RESTARTING = (1012, "The server restarts")

log = structlog.get_logger(__name__)


class Sockets:
    """The open sockets of this process, so that a session that ends takes its sockets along."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._by_session: dict[str, set[Socket]] = {}
        self._by_user: dict[int, dict[str, None]] = {}
        """The sessions that a user has sockets of."""
        self._of_staff: set[str] = set()
        """The sessions whose user has a role that can be lowered."""
        self._closing: set[asyncio.Task[None]] = set()
        self._open: set[Socket] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None, None]:
        """Watch for sessions that end and users who may do less.

        The bus tells of them. The regular look finds what no message told of: sessions that run out, messages that
        were lost.
        """
        bus = self._runtime.app.bus
        ended = bus.subscribe(sessions.CHANNEL, self._ended, resync=self.review)
        changed = bus.subscribe(sessions.CHANGED, self._changed)
        reviewing = asyncio.create_task(self._review_regularly())
        stopping = asyncio.create_task(self._leave_when_stopping())
        try:
            yield
        finally:
            ended()
            changed()
            reviewing.cancel()
            stopping.cancel()

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
        self._open.add(socket)
        with self._runtime.app.metrics.sockets.track_inprogress():
            try:
                await socket.serve()
            finally:
                self._open.discard(socket)
                self._left(socket)

    def _joined(self, socket: Socket) -> None:
        assert socket.viewer is not None
        session = socket.viewer.session
        self._by_session.setdefault(session.key, set()).add(socket)
        self._by_user.setdefault(session.user_id, {})[session.key] = None
        if access.is_staff(socket.viewer.user):
            self._of_staff.add(session.key)

    def _left(self, socket: Socket) -> None:
        if socket.viewer is None:
            return
        session = socket.viewer.session
        members = self._by_session.get(session.key, set())
        members.discard(socket)
        if members:
            return
        self._by_session.pop(session.key, None)
        self._of_staff.discard(session.key)
        theirs = self._by_user.get(session.user_id, {})
        theirs.pop(session.key, None)
        if not theirs:
            self._by_user.pop(session.user_id, None)

    def _ended(self, session_key: str) -> None:
        self._close(self._by_session.get(session_key, ()), *ENDED)

    async def _changed(self, user_id: str) -> None:
        keys = list(self._by_user.get(int(user_id), ()))
        if keys:
            await self._look_at(keys)

    def _close(self, sockets: Iterable[Socket], code: int, reason: str) -> None:
        for socket in tuple(sockets):
            closing = asyncio.create_task(socket.end(code, reason))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _leave_when_stopping(self) -> None:
        """Send all clients elsewhere once the process stops, after the answer to what they are changing."""
        await self._runtime.app.stopping.wait()
        self._close(self._open, *RESTARTING)

    async def _review_regularly(self) -> None:
        while True:
            await self._runtime.app.clock.sleep(REVIEW_INTERVAL)
            try:
                await self.review()
            except Exception:
                log.warning("sockets.review_failed", exc_info=True)

    async def review(self) -> None:
        """Look at every session again, in batches of a bounded size: closely where one does not stand, and at staff."""
        keys = list(self._by_session)
        for start in range(0, len(keys), REVIEWED_AT_ONCE):
            batch = [key for key in keys[start : start + REVIEWED_AT_ONCE] if key not in self._of_staff]
            with self._runtime.app.database.bound():
                all_stand = await sessions.all_stand(self._runtime.app, batch)
            if not all_stand:
                await self._look_at(batch)
        staff = list(self._of_staff)
        for start in range(0, len(staff), REVIEWED_AT_ONCE):
            await self._look_at(staff[start : start + REVIEWED_AT_ONCE])

    async def _look_at(self, keys: list[str]) -> None:
        """Close the sockets of those of these sessions that stand no more, or whose user may do less."""
        with self._runtime.app.database.bound():
            states = await sessions.states_of(self._runtime.app, keys)
        for key in keys:
            for socket in tuple(self._by_session.get(key, ())):
                if end := _end_of(socket, states.get(key)):
                    self._close([socket], *end)


def _end_of(socket: Socket, now: State | None) -> tuple[int, str] | None:
    """Code and reason with which a socket has to close; None when it may stay."""
    assert socket.viewer is not None
    if now is None:
        return ENDED
    if now.suspended:
        return SUSPENDED
    if access.may_less(now.role, socket.viewer.user.role):
        return LOWERED
    return None if now.live else ENDED
