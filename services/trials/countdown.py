"""The live countdown: one timer wheel a process tells every subscriber of every trial.

A subscriber waits in the slot of the second in which it is due; a turn of the wheel is an hour, the slowest
cadence. Rows are read when a trial is first watched and when the bus says that one changed, never for a tick.
A subscriber that is slow finds the newest tick when it comes back, not a queue.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime
from itertools import islice

import structlog

from adapters.bus import Bus
from adapters.database import Database
from core.clock import Clock
from models.trials import Trial
from services.trials.status import FINAL, Tick, next_change, tick_of

CHANNEL = "trials.changed"
SLOTS = 3600
RECENT = 1024
"""Changes remembered for a countdown that is just opening: its row may have been read before the change."""
ROWS_AT_ONCE = 1000
"""Ids that one query asks for: PostgreSQL takes no more than 32,767."""
RETRY = 1.0
"""Seconds until rows are asked for again when the database did not answer."""

log = structlog.get_logger(__name__)


class Subscriber:
    """One open countdown: the newest tick it has not seen yet, and the slot in which it is due next."""

    __slots__ = ("_waiting", "due", "every", "pending", "trial_id")

    def __init__(self, trial_id: int, every: int) -> None:
        self.trial_id = trial_id
        self.every = every
        self.due = 0
        self.pending: Tick | None = None
        self._waiting: asyncio.Future[None] | None = None
        """Of who waits. An `asyncio.Event` would take four times as long, and hold a queue of its own."""

    def offer(self, tick: Tick) -> None:
        """Make `tick` the newest one."""
        self.pending = tick
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def next(self) -> Tick:
        """The newest tick, waiting for one when none is new."""
        if self.pending is None:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        tick, self.pending = self.pending, None
        assert tick is not None
        return tick


class _Watched:
    """One trial with everybody who watches it."""

    __slots__ = ("boundary", "subscribers", "told", "trial")

    def __init__(self, trial: Trial, now: datetime) -> None:
        self.trial = trial
        self.subscribers: set[Subscriber] = set()
        self.boundary: datetime | None = None
        self.told = now
        """The latest moment that somebody was told of."""

    def beat(self, full: datetime, now: datetime) -> Tick:
        """The tick of the full second, however late the wheel is in it: each has one second less than the last.

        Nobody is taken back to before what they know.
        """
        self.told = self.told if full < self.told <= now else full
        return tick_of(self.trial, self.told)

    def at(self, now: datetime) -> Tick:
        """The tick of this very moment."""
        self.told = now
        return tick_of(self.trial, now)


class Countdown:
    """The wheel of one process."""

    def __init__(self, clock: Clock, database: Database, bus: Bus) -> None:
        self._clock = clock
        self._database = database
        self._bus = bus
        self._slots: list[set[Subscriber]] = [set() for _ in range(SLOTS)]
        self._second = 0
        self._watched: dict[int, _Watched] = {}
        self._boundaries: list[tuple[datetime, int]] = []
        self._stale: set[int] = set()
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start turning."""
        self._second = _second(self._clock.now())
        self._unsubscribe = self._bus.subscribe(CHANNEL, self._changed, resync=self._all_changed)
        self._tasks = [asyncio.create_task(self._turn()), asyncio.create_task(self._read_changes())]

    async def close(self) -> None:
        """Stop turning."""
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def ticks(self, trial: Trial, every: int) -> AsyncGenerator[Tick, None]:
        """Ticks of `trial`: at once, at every change and each `every` seconds, until its status is final."""
        subscriber = Subscriber(trial.id, every)
        watched = self._watch(trial, subscriber)
        try:
            subscriber.offer(watched.at(self._clock.now()))
            while True:
                tick = await subscriber.next()
                yield tick
                if tick.status in FINAL:
                    return
        finally:
            self._forget(subscriber)

    @property
    def subscribers(self) -> int:
        """How many countdowns are open."""
        return sum(len(watched.subscribers) for watched in self._watched.values())

    def _watch(self, trial: Trial, subscriber: Subscriber) -> _Watched:
        watched = self._watched.get(trial.id)
        if watched is None:
            watched = self._watched[trial.id] = _Watched(trial, self._clock.now())
            self._await_boundary(watched)
        elif trial.version > watched.trial.version:
            self._replace(watched, trial)
        watched.subscribers.add(subscriber)
        self._schedule(subscriber, self._second)
        if trial.id in self._recent:
            self._stale.add(trial.id)
            self._news.set()
        return watched

    def _forget(self, subscriber: Subscriber) -> None:
        self._slots[subscriber.due % SLOTS].discard(subscriber)
        watched = self._watched[subscriber.trial_id]
        watched.subscribers.discard(subscriber)
        if not watched.subscribers:
            del self._watched[subscriber.trial_id]

    def _schedule(self, subscriber: Subscriber, second: int) -> None:
        subscriber.due = second + subscriber.every
        self._slots[subscriber.due % SLOTS].add(subscriber)

    def _await_boundary(self, watched: _Watched) -> None:
        watched.boundary = next_change(watched.trial, self._clock.now())
        if watched.boundary is not None:
            heapq.heappush(self._boundaries, (watched.boundary, watched.trial.id))
        if len(self._boundaries) > 2 * len(self._watched) + RECENT:
            self._boundaries = [(each.boundary, pk) for pk, each in self._watched.items() if each.boundary is not None]
            heapq.heapify(self._boundaries)

    def _replace(self, watched: _Watched, trial: Trial) -> None:
        watched.trial = trial
        self._await_boundary(watched)
        self._tell(watched, self._clock.now())

    def _tell(self, watched: _Watched, now: datetime) -> None:
        tick = watched.at(now)
        for subscriber in watched.subscribers:
            subscriber.offer(tick)

    async def _turn(self) -> None:
        """Go on from the last second told, not from the present: timers wake a little early, and turns take time.

        After a turn that took a second and more, those whom it told come first.
        """
        while True:
            ahead = self._second + 1 - self._clock.now().timestamp()
            if ahead > 0:
                await self._clock.sleep(min(ahead, 1.0))
            else:
                await asyncio.sleep(0)
            try:
                self._advance(self._clock.now())
            except Exception:
                log.exception("countdown.turn_failed")

    def _advance(self, now: datetime) -> None:
        """Tell everybody who is due, however far the clock has moved, in either direction."""
        second = _second(now)
        if second < self._second or second - self._second >= SLOTS:
            due = set().union(*self._slots)
        else:
            due = set().union(*(self._slots[passed % SLOTS] for passed in range(self._second + 1, second + 1)))
        self._second, full = second, now.replace(microsecond=0)
        ticks: dict[int, Tick] = {}
        for subscriber in due:
            self._slots[subscriber.due % SLOTS].discard(subscriber)
            self._schedule(subscriber, second)
            tick = ticks.get(subscriber.trial_id)
            if tick is None:
                tick = ticks[subscriber.trial_id] = self._watched[subscriber.trial_id].beat(full, now)
            subscriber.offer(tick)
        self._cross_boundaries(now)

    def _cross_boundaries(self, now: datetime) -> None:
        while self._boundaries and self._boundaries[0][0] <= now:
            moment, trial_id = heapq.heappop(self._boundaries)
            watched = self._watched.get(trial_id)
            if watched is not None and watched.boundary == moment:
                self._tell(watched, now)
                self._await_boundary(watched)

    def _changed(self, message: str) -> None:
        if not message.isdigit():
            return
        trial_id = int(message)
        self._recent.append(trial_id)
        if trial_id in self._watched:
            self._stale.add(trial_id)
            self._news.set()

    def _all_changed(self) -> None:
        """Ask for every watched row again: messages may have been lost."""
        self._stale.update(self._watched)
        self._news.set()

    async def _read_changes(self) -> None:
        with self._database.bound():
            while True:
                await self._news.wait()
                self._news.clear()
                wanted = set(islice(self._stale, ROWS_AT_ONCE))
                self._stale -= wanted
                if self._stale:
                    self._news.set()
                try:
                    rows = await Trial.filter(id__in=wanted)
                except Exception:
                    log.warning("countdown.rows_unavailable", trials=len(wanted), exc_info=True)
                    self._stale |= wanted
                    await asyncio.sleep(RETRY)
                    self._news.set()
                    continue
                for row in rows:
                    watched = self._watched.get(row.id)
                    if watched is not None and row.version > watched.trial.version:
                        self._replace(watched, row)


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
