"""What we ask of a list of breached passwords."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Breaches(Protocol):
    """Knows passwords that have leaked somewhere."""

    async def knows(self, password: str) -> bool:
        """Whether `password` has leaked, as far as can be told in time: a list that is lost knows none."""
        ...

    async def close(self) -> None:
        """Give back what is open. Nothing is asked afterwards."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether passwords are accepted unasked for now, because the list could not be reached."""
        ...
