"""What we ask of feature flags."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Reason(StrEnum):
    """Why somebody has a flag or has it not, in OpenFeature's words."""

    SPLIT = "SPLIT"
    """Their bucket says so."""
    STATIC = "STATIC"
    """It is the same for everybody."""
    DEFAULT = "DEFAULT"
    """The flag is not meant for them."""
    DISABLED = "DISABLED"
    """It was killed."""
    ERROR = "ERROR"
    """Nothing could be decided."""


@dataclass(frozen=True)
class Resolution:
    """How a flag stands for somebody. `variant` is None where it is off or has none."""

    enabled: bool
    variant: str | None
    reason: Reason


Resolve = Callable[[str, str | None, Mapping[str, str]], Resolution | None]
"""A flag's key, who asks (None for nobody known) and their attributes; None when there is no such flag."""


@runtime_checkable
class Flags(Protocol):
    """Evaluates flags of one app."""

    async def open(self, resolve: Resolve) -> None:
        """Decide by `resolve` from now on: when this returns nothing else is served any more."""
        ...

    async def close(self) -> None:
        """Decide nothing any more: every flag is off."""
        ...

    async def evaluate(self, key: str, who: str | None, attributes: Mapping[str, str]) -> Resolution:
        """How a flag stands for somebody. What cannot be decided is off, and no error."""
        ...
