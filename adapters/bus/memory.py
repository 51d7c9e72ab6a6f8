"""The bus of one process, and the delivery to listeners that every variant shares."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from functools import partial

import structlog

from adapters.bus.port import Listener, Resync

BACKLOG = 1_000

log = structlog.get_logger(__name__)


class MemoryBus:
    """Tells the listeners of this process."""

    degraded = False

    def __init__(self) -> None:
        self.dropped = 0
        self._channels: dict[str, dict[_Subscription, None]] = {}  # each an ordered set
        self._running: set[asyncio.Future[None]] = set()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        self._channels.clear()
        running = tuple(self._running)
        for call in running:
            call.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def publish(self, channel: str, message: str) -> None:
        self.tell(channel, message)

    def subscribe(self, channel: str, listener: Listener, *, resync: Resync | None = None) -> Callable[[], None]:
        subscription = _Subscription(channel, listener, resync, self._running)
        self._channels.setdefault(channel, {})[subscription] = None
        return partial(self._unsubscribe, subscription)

    def tell(self, channel: str, message: str) -> None:
        """Tell the listeners of `channel` in this process."""
        for subscription in tuple(self._channels.get(channel, ())):
            self.dropped += subscription.tell(message)

    def resync(self) -> None:
        """Tell every listener that it may have missed messages."""
        for subscriptions in tuple(self._channels.values()):
            for subscription in tuple(subscriptions):
                self.dropped += subscription.resync()

    def _unsubscribe(self, subscription: "_Subscription") -> None:
        subscription.stop()
        subscriptions = self._channels.get(subscription.channel, {})
        subscriptions.pop(subscription, None)
        if not subscriptions:
            self._channels.pop(subscription.channel, None)


class _Subscription:
    """One listener, its backlog, and the call that is running."""

    def __init__(
        self, channel: str, listener: Listener, resync: Resync | None, running: set[asyncio.Future[None]]
    ) -> None:
        self.channel = channel
        self._listener = listener
        self._resync = resync
        self._all_running = running
        self._running = False
        self._stopped = False
        self._backlog: deque[Resync] = deque()
        self._context = contextvars.copy_context()

    def tell(self, message: str) -> int:
        """Start or queue the call; returns how many messages that pushed out of the backlog."""
        return self._take(partial(self._listener, message))

    def resync(self) -> int:
        return self._take(self._resync) if self._resync else 0

    def stop(self) -> None:
        """Start nothing more. A running call comes to its end."""
        self._stopped = True
        self._backlog.clear()

    def _take(self, call: Resync) -> int:
        if self._stopped:
            return 0
        if not self._running:
            self._context.run(self._start, call)
            return 0
        self._backlog.append(call)
        return self._overflow() if len(self._backlog) > BACKLOG else 0

    def _overflow(self) -> int:
        """With a resync nothing that waits matters any more; without one the oldest matters least."""
        log.warning("bus.listener_too_slow", channel=self.channel)
        if self._resync is None:
            self._backlog.popleft()
            return 1
        dropped = len(self._backlog)
        self._backlog.clear()
        self._backlog.append(self._resync)
        return dropped

    def _start(self, call: Resync) -> None:
        try:
            result = call()
        except Exception:  # one listener's fault is not the publisher's, nor the next listener's
            log.exception("bus.listener_failed", channel=self.channel)
            return
        if result is not None:
            future = asyncio.ensure_future(result)
            self._running = True
            self._all_running.add(future)
            future.add_done_callback(self._done)

    def _done(self, future: asyncio.Future[None]) -> None:
        self._running = False
        self._all_running.discard(future)
        if not future.cancelled() and (fault := future.exception()):
            log.error("bus.listener_failed", channel=self.channel, exc_info=fault)
        while self._backlog and not self._running:
            self._start(self._backlog.popleft())
