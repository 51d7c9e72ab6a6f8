"""Measuring answers: each process counts what it gives by the minute, and adds that to the shared table each minute.

Counting is an addition in memory: no request waits for the database, and none fails because it is away. A process that
is killed loses what it has counted since its last write, which is a minute's at most.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from models.measuring import AnswerOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection
    from datetime import datetime

    from adapters.database import Database
    from core.clock import Clock
    from services.app import App

FOLD = "measures.fold"

BUCKETS_MS = (
    5, 10, 25, 50, 75, 100, 150, 200, 250, 300, 400, 500, 525, 750, 1_000, 1_500, 2_500, 5_000, 10_000, 30_000, 60_000
)  # fmt: skip
"""Upper bounds of the time that an answer took, in milliseconds. The last one has no end.

A target is among them, so that meeting it can be told, and a bound just above it, so that missing it can be."""
UNMEASURED = 0
"""Where how long an answer took says nothing, as with the events of a subscription."""
FLUSH_EVERY = 60.0
"""Seconds, on the app's clock, between two writes of a process."""
PATIENCE = 5.0
"""Real seconds that the last write may take when the process stops."""
KEPT = 10_000
"""Different counts that a process holds while the database is away: half a day's at a dozen a minute."""
MINUTES_KEPT = timedelta(days=2)
"""How long counts stand by the minute. Afterwards they are added up to those of their hour."""
COUNTS_KEPT = timedelta(days=400)

_ADD = """
INSERT INTO request_minutes (minute, transport, outcome, within_ms, count) VALUES {}
ON CONFLICT (minute, transport, outcome, within_ms) DO UPDATE SET count = request_minutes.count + excluded.count
"""
_TAKE = """
DELETE FROM request_minutes WHERE minute < $1 AND minute % 60 <> 0
RETURNING minute, transport, outcome, within_ms, count
"""
TIMED = (AnswerOutcome.OK, AnswerOutcome.INTERNAL)
"""Whose time counts: being told quickly that nothing can be had is no speed."""
HOUR = 60
"""Minutes."""
ROWS_AT_ONCE = 1_000
"""Rows that one statement adds: five values each, and PostgreSQL takes 32,767 of them."""

log = structlog.get_logger(__name__)


class Transport(StrEnum):
    """The way in that was answered."""

    HTTP = "http"
    WEBSOCKET = "ws"
    STREAM = "sse"
    REST = "rest"


class _Kind(NamedTuple):
    """What is counted together. Rows are written in this order by everybody, so that no two wait for each other."""

    minute: int
    transport: str
    outcome: str
    within_ms: int


class Measuring:
    """The counts of one process that are not in the table yet."""

    def __init__(self, clock: Clock, database: Database) -> None:
        self._clock = clock
        self._database = database
        self._counts: Counter[_Kind] = Counter()
        self.totals: dict[tuple[Transport, AnswerOutcome], Counter[int]] = {}
        """All that this process has given, by way in and outcome, and by the bound within which it was given."""
        self.seconds: Counter[Transport] = Counter()
        """What `OK` and `INTERNAL` took together."""
        self._flushing = asyncio.Lock()

    def count(self, transport: Transport, outcome: AnswerOutcome, seconds: float | None = None) -> None:
        """Count one answer, given now, `seconds` after it was asked for where that is measured."""
        within = bucket_of(seconds)
        self._counts[_Kind(minute_of(self._clock.now()), transport, outcome, within)] += 1
        self.totals.setdefault((transport, outcome), Counter())[within] += 1
        if seconds is not None and outcome in TIMED:
            self.seconds[transport] += seconds  # type: ignore[assignment]

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Write each minute, and what is left at the end, unless the database does not answer then."""
        task = asyncio.create_task(self._flush_regularly())
        try:
            yield
        finally:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.flush()  # after the one that is under way
            except TimeoutError:
                log.warning("measures.lost", answers=self._counts.total())
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def flush(self) -> None:
        """Add what was counted to the table. What cannot be written is kept for the next time, within a bound."""
        async with self._flushing:
            counts, self._counts = self._counts, Counter()
            try:
                while rows := sorted(counts.items())[:ROWS_AT_ONCE]:
                    await _add(self._database, rows)
                    for kind, _ in rows:
                        del counts[kind]
            except Exception as error:  # ruff: ignore[blind-except] -- measuring ends nothing else
                log.warning("measures.not_written", reason=str(error))
            finally:
                self._keep(counts)

    def _keep(self, counts: Counter[_Kind]) -> None:
        """Hold on to counts that were not written; the oldest go when there are too many."""
        self._counts.update(counts)
        oldest = sorted(self._counts)[: max(0, len(self._counts) - KEPT)]
        if oldest:
            log.warning("measures.lost", answers=sum(self._counts.pop(kind) for kind in oldest))

    async def _flush_regularly(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_EVERY)
            await self.flush()


def minute_of(moment: datetime) -> int:
    """The number of a moment's minute, counted from 1970 on."""
    return int(moment.timestamp() // 60)


def bucket_of(seconds: float | None) -> int:
    """The bound, in milliseconds, within which an answer was given."""
    if seconds is None:
        return UNMEASURED
    return BUCKETS_MS[min(bisect_left(BUCKETS_MS, seconds * 1000), len(BUCKETS_MS) - 1)]


def outcome_of(codes: Collection[str], *, failed: bool) -> AnswerOutcome:
    """How an answer with these errors went. `failed`: it has nothing else, as with a status of 5xx."""
    if "UNAVAILABLE" in codes:
        return AnswerOutcome.UNAVAILABLE
    if failed:
        return AnswerOutcome.FAILED
    return AnswerOutcome.INTERNAL if "INTERNAL" in codes else AnswerOutcome.OK


async def fold(app: App, _: dict[str, Any]) -> None:
    """Add minutes that are two days old to the first ones of their hours, and forget what is 400 days old: a job."""
    now = app.clock.now()
    hours: Counter[_Kind] = Counter()
    async with app.database.transaction():
        await app.database.execute("DELETE FROM request_minutes WHERE minute < $1", [minute_of(now - COUNTS_KEPT)])
        for row in await app.database.rows(_TAKE, [minute_of(now - MINUTES_KEPT)]):
            hour = row["minute"] - row["minute"] % HOUR
            hours[_Kind(hour, row["transport"], row["outcome"], row["within_ms"])] += row["count"]
        rows = sorted(hours.items())
        for start in range(0, len(rows), ROWS_AT_ONCE):
            await _add(app.database, rows[start : start + ROWS_AT_ONCE])


async def _add(database: Database, rows: list[tuple[_Kind, int]]) -> None:
    """Add counts to those of the table, by one statement."""
    places = [f"({', '.join(f'${5 * row + column}' for column in range(1, 6))})" for row in range(len(rows))]
    await database.execute(_ADD.format(", ".join(places)), [value for kind, count in rows for value in (*kind, count)])
