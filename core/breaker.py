"""A circuit breaker: a vendor that keeps failing is left alone for a while, and then tried by one call."""

from collections.abc import Callable
from time import monotonic

FAILURES = 5
"""In a row, until it opens."""
REST = 30.0
"""Seconds that it stays open."""
LONGEST_REST = 300.0


class Breaker:
    """Closed, calls pass; open, none does; half open after its rest, one passes and decides. Real time, one process.

    `clock` gives seconds that only grow.
    """

    def __init__(self, *, failures: int = FAILURES, rest: float = REST, clock: Callable[[], float] = monotonic) -> None:
        self._limit = failures
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._trying = False

    @property
    def state(self) -> str:
        """`closed`, `open` or `half_open`."""
        if self._failures < self._limit:
            return "closed"
        return "open" if self._clock() < self._open_until else "half_open"

    @property
    def retry_after(self) -> float:
        """Seconds until it is worth trying again; 0 when it is now."""
        return max(0.0, self._open_until - self._clock()) if self._failures >= self._limit else 0.0

    def admits(self) -> bool:
        """Whether a call may be made now. Who is admitted tells how it went by `succeeded`, `failed` or `abandoned`."""
        match self.state:
            case "closed":
                return True
            case "open":
                return False
        if self._trying:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        """The vendor answered, whatever it said."""
        self._failures = 0
        self._trying = False

    def failed(self, *, rest: float | None = None) -> None:
        """The vendor did not answer as it should. `rest` opens the breaker at once, for that many seconds."""
        self._trying = False
        self._failures = self._limit if rest is not None else self._failures + 1
        if self._failures >= self._limit:
            self._open_until = self._clock() + min(self._rest if rest is None else rest, LONGEST_REST)

    def abandoned(self) -> None:
        """The call was given up by its caller: it tells nothing of the vendor."""
        self._trying = False
