"""A pace for questions: so many a second, and as many at once after a rest."""

import asyncio
import time


class Pace:
    """Lets `per_second` pass in a second; who comes earlier waits, in order."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._burst = 1 - self._gap
        self._next = 0.0

    async def turn(self) -> None:
        """Return when it is the caller's turn."""
        now = time.monotonic()
        at = self._next = max(self._next + self._gap, now - self._burst)
        await asyncio.sleep(max(0.0, at - now))
