"""What we ask of a bus."""

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

Listener = Callable[[str], Awaitable[None] | None]
Resync = Callable[[], Awaitable[None] | None]


@runtime_checkable
class Bus(Protocol):
    """Tells listeners, in this process and in others, what is published after they subscribed."""

    async def open(self) -> None:
        """Start to hear other processes. Returns soon even when they cannot be reached: see `degraded`."""
        ...

    async def close(self) -> None:
        """Cancel what listeners are doing and give back what is open."""
        ...

    async def publish(self, channel: str, message: str) -> None:
        """Tell the listeners of `channel`, those of this process always and first. A lost vendor is no error.

        A listener that is no coroutine has run when this returns; nobody waits for the others.
        """
        ...

    def subscribe(self, channel: str, listener: Listener, *, resync: Resync | None = None) -> Callable[[], None]:
        """Have `listener` told, in order and one message at a time; the answer ends that.

        It runs in the event loop, in the context of this call (so never inside a publisher's transaction). A coroutine
        may take its time: its messages wait in a backlog of its own, 1,000 long. When that overflows, or other
        processes could not be heard for a while, `resync` is called in its turn, since messages may have been missed.
        What a listener raises is logged.
        """
        ...

    @property
    def degraded(self) -> bool:
        """Whether other processes cannot be told or heard for now."""
        ...

    @property
    def dropped(self) -> int:
        """How many messages are known to have been lost: not published, or fallen out of a backlog."""
        ...
