"""Who asked a moment ago: rows that one process keeps for a few seconds, of people without a role."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Self

from services.sessions import CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.bus import Bus
    from adapters.database import Record

MOST = 4_096
"""Rows that are kept, some 3 KB each: one process serves fewer people in five seconds. The oldest make way."""


def real_now() -> float:
    """The moment by which ages of rows are told: seconds of the monotonic clock."""
    return monotonic()


@dataclass(frozen=True)
class _Kept:
    record: Record
    user_id: int
    read_at: float


class Reading:
    """A row that is being read. It is kept only if nobody has told meanwhile that something of it changes."""

    __slots__ = ("_viewers", "begun_at", "outdated", "user_id")

    def __init__(self, viewers: Viewers, user_id: int) -> None:
        self._viewers = viewers
        self.user_id = user_id
        self.begun_at = monotonic()
        self.outdated = False

    def __enter__(self) -> Self:
        self._viewers.begun(self)
        return self

    def __exit__(self, *failure: object) -> None:
        self._viewers.done(self)

    def keep(self, session_key: str, record: Record) -> None:
        """Let the next requests of this session have the row."""
        if not self.outdated:
            self._viewers.keep(session_key, record, self)


class Viewers:
    """The rows of this process, by session: a session's with its user's, as the database gave them.

    A row serves for at most `lifetime` real seconds from the moment when its reading began, so that what another
    process has changed is seen by then though no message told of it. 0 keeps nothing. Rows are kept and not models: no
    request sees what another one has done to its own.
    """

    def __init__(self, lifetime: float, bus: Bus) -> None:
        self._lifetime = lifetime
        self._bus = bus
        self.hits = self.reads = 0
        self._kept: dict[str, _Kept] = {}
        """The oldest first."""
        self._sessions: dict[int, set[str]] = {}
        self._readings: dict[int, set[Reading]] = {}
        self._unsubscribe: Callable[[], None] | None = None
        self._sweep: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to listen."""
        self._unsubscribe = self._bus.subscribe(CHANGED, self._changed, resync=self.forget_all)

    def close(self) -> None:
        """Stop listening, and forget everybody."""
        if self._unsubscribe:
            self._unsubscribe()
        if self._sweep:
            self._sweep.cancel()
        self.forget_all()

    def find(self, session_key: str, user_id: int) -> Record | None:
        """The row of this session of this user, if it was read a moment ago."""
        kept = self._kept.get(session_key)
        if kept is None or kept.user_id != user_id:
            return None
        if monotonic() - kept.read_at >= self._lifetime:
            self._drop(session_key)
            return None
        self.hits += 1
        return kept.record

    def reading(self, user_id: int) -> Reading:
        """What to read a row of the user in."""
        return Reading(self, user_id)

    def forget(self, user_id: int) -> None:
        """Something of the user or their sessions has changed: what was read, or is being read, does not serve."""
        for session_key in tuple(self._sessions.get(user_id, ())):
            self._drop(session_key)
        for reading in self._readings.get(user_id, ()):
            reading.outdated = True

    def forget_all(self) -> None:
        """Messages may have been missed."""
        for user_id in [*self._sessions, *self._readings]:
            self.forget(user_id)

    def begun(self, reading: Reading) -> None:
        """Remember a reading for as long as it lasts."""
        self.reads += 1
        self._readings.setdefault(reading.user_id, set()).add(reading)

    def done(self, reading: Reading) -> None:
        """The reading has ended, well or not."""
        readings = self._readings[reading.user_id]
        readings.discard(reading)
        if not readings:
            del self._readings[reading.user_id]

    def keep(self, session_key: str, record: Record, reading: Reading) -> None:
        """Keep what a reading found."""
        if not self._lifetime:
            return
        self._drop(session_key)
        if len(self._kept) >= MOST:
            self._drop(next(iter(self._kept)))
        self._kept[session_key] = _Kept(record, reading.user_id, reading.begun_at)
        self._sessions.setdefault(reading.user_id, set()).add(session_key)
        if self._sweep is None:
            self._sweep_later()

    def _changed(self, user_id: str) -> None:
        self.forget(int(user_id))

    def _sweep_later(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(self._lifetime, self.sweep)

    def sweep(self) -> None:
        """Let go of what is too old to serve: a process that nobody asks any more holds no rows."""
        oldest = monotonic() - self._lifetime
        for session_key in [key for key, kept in self._kept.items() if kept.read_at <= oldest]:
            self._drop(session_key)
        self._sweep = None
        if self._kept:
            self._sweep_later()

    def _drop(self, session_key: str) -> None:
        kept = self._kept.pop(session_key, None)
        if kept is None:
            return
        theirs = self._sessions[kept.user_id]
        theirs.discard(session_key)
        if not theirs:
            del self._sessions[kept.user_id]
