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
    loop = asyncio.get_running_loop()

    def looked(due: float) -> None:
        nonlocal handle
        now = loop.time()
        lag.observe(max(0.0, now - due))
        handle = loop.call_at(now + EVERY, looked, now + EVERY)

    handle = loop.call_later(EVERY, looked, loop.time() + EVERY)
    try:
        yield
    finally:
        handle.cancel()
