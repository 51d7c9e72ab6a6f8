"""Limits within one process."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence

from adapters.limits.port import Allowance, Counted, check

KEYS = 100_000


class MemoryLimits:
    """Counts in this process.

    At most `keys` logs are kept. One too many drops a log that has expired or, when none has, the one whose last
    counted try is the longest ago: that key then starts anew. Each counted try also drops up to two logs of its window
    that have expired, so that memory shrinks again after a flood.
    """

    degraded = False

    def __init__(self, *, keys: int = KEYS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._monotonic = monotonic
        # For each window the logs by key, ordered by their last try: the first of them is the first to expire.
        self._windows: dict[float, OrderedDict[str, deque[float]]] = {}

    async def hit(self, key: str, *, limit: int, window: float) -> float:
        check(limit, window)
        now = self._monotonic()
        tries = self._log(key, limit, window)
        if len(tries) == limit and tries[0] + window > now:
            return tries[0] + window - now
        self._add(key, tries, window, now)
        return 0.0

    async def count(self, allowances: Mapping[str, Allowance]) -> Counted:
        now = self._monotonic()
        logs = {key: self._log(key, each.limit, each.window) for key, each in allowances.items()}
        found = [_standing(logs[key], each, now) for key, each in allowances.items()]
        wait = max(wait for wait, _ in found)
        if wait == 0:
            for key, each in allowances.items():
                self._add(key, logs[key], each.window, now)
        return Counted(wait, tuple(before for _, before in found))

    def mirror(self, allowances: Mapping[str, Allowance], counted: Counted) -> None:
        """Take over what somebody else has counted: what they have forgotten is forgotten here too."""
        for (key, each), before in zip(allowances.items(), counted.before, strict=True):
            tries = self._log(key, each.limit, each.window)
            while len(tries) > before:
                tries.popleft()
            if counted.wait == 0:
                self._add(key, tries, each.window, self._monotonic())

    async def take_back(self, allowances: Mapping[str, Allowance]) -> None:
        for key, each in allowances.items():
            self.take_back_one(key, window=each.window)

    def take_back_one(self, key: str, *, window: float) -> None:
        """Forget the last try of a key, which somebody else refused."""
        tries = self._windows[window].get(key) if window in self._windows else None
        if tries:
            tries.pop()
            if not tries:
                del self._windows[window][key]

    async def forget(self, allowances: Mapping[str, Allowance]) -> None:
        for key, each in allowances.items():
            if each.window in self._windows:
                self._windows[each.window].pop(key, None)

    async def close(self) -> None:
        self._windows.clear()

    def __len__(self) -> int:
        return sum(map(len, self._windows.values()))

    def _log(self, key: str, limit: int, window: float) -> deque[float]:
        """The tries of a key, of which the last `limit` are kept; not yet stored when it is new."""
        tries = self._windows.setdefault(window, OrderedDict()).get(key)
        return tries if tries is not None and tries.maxlen == limit else deque(tries or (), maxlen=limit)

    def _add(self, key: str, tries: deque[float], window: float, now: float) -> None:
        logs = self._windows[window]
        tries.append(now)  # a full log lets its oldest try go
        logs[key] = tries
        logs.move_to_end(key)
        self._tidy(window, now)

    def _tidy(self, window: float, now: float) -> None:
        logs = self._windows[window]
        for _ in range(2):
            if logs and _last_try(logs) + window <= now:
                logs.popitem(last=False)
        while len(self) > self._keys:
            oldest = [(_last_try(logs), window) for window, logs in self._windows.items() if logs]
            expired = [(last, window) for last, window in oldest if last + window <= now]
            self._windows[min(expired or oldest)[1]].popitem(last=False)


def _standing(tries: Sequence[float], allowance: Allowance, now: float) -> tuple[float, int]:
    """The seconds that a key has to wait, and its tries in the window."""
    recent = [each for each in tries if each + allowance.window > now]
    before, wait = len(recent), 0.0
    if before >= allowance.limit:
        wait = recent[0] + allowance.window - now
    if allowance.pause and before >= max(1, allowance.free):
        pause = min(allowance.longest, allowance.pause * 2.0 ** (before - allowance.free))
        wait = max(wait, recent[-1] + pause - now)
    return wait, before


def _last_try(logs: OrderedDict[str, deque[float]]) -> float:
    return next(iter(logs.values()))[-1]
