"""The open connections of this process, by session and by user: sockets and event streams."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

import structlog

from services import access, sessions
from services.access import Viewer
from services.app import App
from services.sessions import State

REVIEW_INTERVAL = 3.0
"""Seconds between two looks at the sessions of all connections, on the app's clock.

A connection outlives its session by at most 5 s (docs/sessions.md): these, and the time that a look takes.
"""
REVIEWED_AT_ONCE = 1_000
RESTARTING = (1012, "The server restarts")
ENDED = (4401, "The session has ended")
SUSPENDED = (4403, "The account has been suspended")
LOWERED = (4403, "The role has changed")

log = structlog.get_logger(__name__)


class Connection(Protocol):
    """What stays open for as long as its viewer's session."""

    viewer: Viewer | None

    async def end(self, code: int, reason: str) -> None:
        """End it, after what is being changed. RESTARTING is no reason to stay away."""


class Watch:
    """The open connections of this process, so that a session that ends takes its connections along."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._by_session: dict[str, set[Connection]] = {}
        self._by_user: dict[int, dict[str, None]] = {}
        """The sessions that a user has connections of."""
        self._of_staff: set[str] = set()
        """The sessions whose user has a role that can be lowered."""
        self._open: set[Connection] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None, None]:
        """Watch for sessions that end and users who may do less.

        The bus tells of them. The regular look finds what no message told of: sessions that run out, messages that
        were lost.
        """
        bus = self._app.bus
        ended = bus.subscribe(sessions.CHANNEL, self._ended, resync=self.review)
        changed = bus.subscribe(sessions.CHANGED, self._changed)
        watching = [asyncio.create_task(task) for task in (self._review_regularly(), self._leave_when_stopping())]
        try:
            yield
        finally:
            ended()
            changed()
            for task in watching:
                task.cancel()

    @contextmanager
    def open(self, connection: Connection) -> Generator[None]:
        """Watch a connection while the context lasts."""
        self._open.add(connection)
        if connection.viewer is not None:
            self.join(connection)
        try:
            yield
        finally:
            self._open.discard(connection)
            self._leave(connection)

    def join(self, connection: Connection) -> None:
        """Know whose a connection is, once that is known; a second time, when their role has been raised."""
        assert connection.viewer is not None
        session = connection.viewer.session
        self._by_session.setdefault(session.key, set()).add(connection)
        self._by_user.setdefault(session.user_id, {})[session.key] = None
        if access.is_staff(connection.viewer.user):
            self._of_staff.add(session.key)

    def _leave(self, connection: Connection) -> None:
        if connection.viewer is None:
            return
        session = connection.viewer.session
        members = self._by_session.get(session.key, set())
        members.discard(connection)
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

    def _close(self, connections: Iterable[Connection], code: int, reason: str) -> None:
        for connection in tuple(connections):
            closing = asyncio.create_task(connection.end(code, reason))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _leave_when_stopping(self) -> None:
        """Send all clients elsewhere once the process stops, after the answer to what they are changing."""
        await self._app.stopping.wait()
        self._close(self._open, *RESTARTING)

    async def _review_regularly(self) -> None:
        while True:
            await self._app.clock.sleep(REVIEW_INTERVAL)
            try:
                await self.review()
            except Exception:
                log.warning("connections.review_failed", exc_info=True)

    async def review(self) -> None:
        """Look at every session again, in batches of a bounded size: closely where one does not stand, and at staff."""
        keys = list(self._by_session)
        for start in range(0, len(keys), REVIEWED_AT_ONCE):
            batch = [key for key in keys[start : start + REVIEWED_AT_ONCE] if key not in self._of_staff]
            with self._app.database.bound():
                all_stand = await sessions.all_stand(self._app, batch)
            if not all_stand:
                await self._look_at(batch)
        staff = list(self._of_staff)
        for start in range(0, len(staff), REVIEWED_AT_ONCE):
            await self._look_at(staff[start : start + REVIEWED_AT_ONCE])

    async def _look_at(self, keys: list[str]) -> None:
        """Close the connections of those of these sessions that stand no more, or whose user may do less."""
        with self._app.database.bound():
            states = await sessions.states_of(self._app, keys)
        for key in keys:
            for connection in tuple(self._by_session.get(key, ())):
                if end := _end_of(connection, states.get(key)):
                    self._close([connection], *end)


def _end_of(connection: Connection, now: State | None) -> tuple[int, str] | None:
    """Code and reason with which a connection has to close; None when it may stay."""
    assert connection.viewer is not None
    if now is None:
        return ENDED
    if now.suspended:
        return SUSPENDED
    if access.may_less(now.role, connection.viewer.user.role):
        return LOWERED
    return None if now.live else ENDED
