"""Rate limits: how often a key may try something. An exact log of the tries that counted, on real time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How often a key may try: `limit` times in any `window` seconds, and after `free` tries with pauses between.

    The first pause is `pause` seconds from the try before, each further one twice as long, up to `longest`.
    """

    limit: int
    window: float
    free: int = 0
    pause: float = 0.0
    longest: float = 0.0

    def __post_init__(self) -> None:
        check(self.limit, self.window)


@dataclass(frozen=True)
class Counted:
    """What became of one try under several keys. `before` says how many each had in its window before this one."""

    wait: float
    before: tuple[int, ...]


@runtime_checkable
class Limits(Protocol):
    """Counts tries. Each (key, window) is a log of its own, so that a key may have a short and a long limit."""

    async def hit(self, key: str, *, limit: int, window: float) -> float:
        """Count one try: 0.0 when it is within `limit` tries in any `window` seconds, else the seconds to wait.

        A refused try is not counted. A vendor that is lost is no error: see `degraded`.
        """
        ...

    async def count(self, allowances: Mapping[str, Allowance]) -> Counted:
        """Count one try under several keys in one step: under all of them, or under none when one refuses.

        `wait` is 0.0 when it was counted, else the seconds until no key would refuse. While the vendor answers, what it
        has counted is the truth; when it is lost, this process goes on from what has passed here.
        """
        ...

    async def take_back(self, allowances: Mapping[str, Allowance]) -> None:
        """Forget the last try of each key."""
        ...

    async def forget(self, allowances: Mapping[str, Allowance]) -> None:
        """Forget all tries of each key."""
        ...

    async def close(self) -> None:
        """Give back what is open. Nothing is hit afterwards."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether this process counts alone for now, so that each process allows the whole limit."""
        ...


def check(limit: int, window: float) -> None:
    """Raise ValueError for a limit without sense."""
    if limit < 1 or not 0 < window < math.inf:
        raise ValueError("A limit is at least one try, its window a positive number of seconds.")
