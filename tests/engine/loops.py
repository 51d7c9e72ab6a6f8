"""An event loop without waiting: time passes when nothing else is left to do, and turns and tasks are counted."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any


class HangsError(Exception):
    """Everything waits for what nobody will do."""


class Task(asyncio.Task[Any]):
    """A task that tells nothing of where it is in memory."""

    def __repr__(self) -> str:
        return "<task>"


class Future(asyncio.Future[Any]):
    """A future that tells nothing of what it holds."""

    def __repr__(self) -> str:
        return "<future>"


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop whose clock jumps to the next timer. `ticks` are its turns, `tasks` the tasks that were made."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.ticks = 0
        self.tasks = 0
        self.complaints: list[str] = []
        self._selector = self
        self._ready: deque[asyncio.Handle]
        self._scheduled: list[asyncio.TimerHandle]
        self._clock_resolution = 1e-9
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._complain)

    def begin(self) -> None:
        """Forget what was counted."""
        self.now, self.ticks, self.tasks, self.complaints = 0.0, 0, 0, []
        self.clear()

    def clear(self) -> None:
        """Forget what was to be done, such as timers of what was cancelled."""
        self._ready.clear()
        self._scheduled.clear()
        self._timer_cancelled_count = 0

    def time(self) -> float:
        return self.now

    def select(self, timeout: float | None) -> list[Any]:
        """What a selector answers, asked once each turn: no socket is ever ready."""
        self.ticks += 1
        if timeout is None:
            raise HangsError
        self.now += max(timeout, 0)
        return []

    def rest(self) -> int:
        """Run what still runs to its end; how many tasks that were."""
        self._turn()
        left = len(asyncio.all_tasks(self))
        while self._ready or asyncio.all_tasks(self):
            if not self._ready and not self._scheduled:
                raise HangsError
            self._turn()
        return left

    def _turn(self) -> None:
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when())
        self.call_soon(self.stop)
        self.run_forever()

    def abandon(self) -> None:
        """Cancel whatever hangs."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        for _ in range(20):
            self._turn()

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        self.tasks += 1
        return Task(coro, loop=loop, **options)

    def create_future(self) -> Future:
        """A future of this loop."""
        return Future(loop=self)

    def _complain(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.complaints.append(f"{context['message']}: {context.get('exception')!r}")

    def _process_events(self, event_list: list[Any]) -> None:
        """No socket, no event."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""

    def __del__(self) -> None:
        """Nothing is open that had to be closed."""
