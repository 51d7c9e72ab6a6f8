"""How late the loop is: it is asked for a call at a moment, and tells by how much it has missed it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from prometheus_client import Histogram

EVERY = 0.5
"""Seconds between two looks: two wake-ups a second, which nobody notices."""


@contextmanager
def watching_loop(lag: Histogram) -> Generator[None]:
    """Measure the running loop for as long as the context lasts. Real time: whatever clock the app has."""
    looking = _Looking(lag)
    looking.look_later()
    try:
        yield
    finally:
        looking.handle.cancel()


class _Looking:
    """One look after the other."""

    handle: asyncio.TimerHandle

    def __init__(self, lag: Histogram) -> None:
        self._lag = lag
        self._loop = asyncio.get_running_loop()

    def look_later(self) -> None:
        due = self._loop.time() + EVERY
        self.handle = self._loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        self._lag.observe(max(0.0, self._loop.time() - due))
        self.look_later()
