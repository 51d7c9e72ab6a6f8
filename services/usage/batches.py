"""Many reports in one call: each is counted, refused or known on its own, in few statements for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from core.errors import BadUserInput, Refusal
from models.usage import UsageCounter, UsageRecord
from services.billing import LARGEST_QUANTITY
from services.entitlements import held_by_all, plan_of
from services.usage.counting import counting, insert
from services.usage.expiring import expire_of
from services.usage.meters import meter_named, reading_of
from services.usage.recording import NEW_RECORD, RECORD_COLUMNS, IdempotencyConflict, Recorded, UsageLimitReached
from services.usage.windows import Period, period_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from services.app import App
    from services.entitlements import Grant
    from services.usage.meters import Reading
    from services.usage.recording import Entry

LARGEST_BATCH = 1000
_COUNTER_COLUMNS = ("user_id", "meter", "period", "ends_at", "used", "reserved")
_HOLD = """
ON CONFLICT (user_id, meter, period) DO UPDATE SET used = usage_counters.used
RETURNING user_id, meter, used, reserved
"""
_COUNT = "ON CONFLICT (user_id, meter, period) DO UPDATE SET used = usage_counters.used + excluded.used"

Refused: TypeAlias = Refusal
Result: TypeAlias = Recorded | Refused
Report: TypeAlias = "tuple[int, Entry]"
"""Whose usage, and what."""
Key: TypeAlias = tuple[int, str]


@dataclass
class _Total:
    """One counter as the batch goes on."""

    most: int
    period: Period
    used: int = 0
    reserved: int = 0
    added: int = 0

    def take(self, quantity: int) -> bool:
        """Count up unless that would pass the limit."""
        if self.used + self.reserved + quantity > self.most:
            return False
        self.used += quantity
        self.added += quantity
        return True


@dataclass
class _Batch:
    """What the reports of one call come to."""

    app: App
    now: datetime
    grants: dict[int, Grant]
    totals: dict[tuple[int, str], _Total] = field(default_factory=dict)

    def total(self, user_id: int, key: str) -> _Total:
        """The counter of a meter, as far as it is known."""
        if (user_id, key) not in self.totals:
            meter = meter_named(self.app, key)
            limit = self.grants[user_id].limit_of(meter)
            most = LARGEST_QUANTITY if limit is None else limit
            self.totals[user_id, key] = _Total(most, period_of(meter.window, self.now))
        return self.totals[user_id, key]

    def reading(self, user_id: int, key: str) -> Reading:
        """What the meter shows now."""
        total = self.total(user_id, key)
        return reading_of(self.grants[user_id], meter_named(self.app, key), self.now, total.used, total.reserved)


async def record_all(app: App, reports: Sequence[Report]) -> list[Result]:
    """Count each report, in order; what came of it, in the same order. A limit refuses those that would pass it.

    A key that comes twice is a duplicate the second time. Raises BadUserInput, NotFound. At most eight statements,
    however many reports there are; where old reservations are in the way, those of a second run and of giving back.
    """
    if not 1 <= len(reports) <= LARGEST_BATCH:
        raise BadUserInput(f"There are from 1 to {LARGEST_BATCH} entries.")
    results = await _record_all(app, reports)
    blocked = [place for place, result in enumerate(results) if _held_up(result)]
    if blocked and await expire_of(app, {reports[place][0] for place in blocked}):
        again = await _record_all(app, [reports[place] for place in blocked])
        for place, result in zip(blocked, again, strict=True):
            results[place] = result
    for user_id in sorted({user_id for (user_id, _), result in zip(reports, results, strict=True) if _counted(result)}):
        await app.usage_changed.publish(str(user_id))
    return results


async def _record_all(app: App, reports: Sequence[Report]) -> list[Result]:
    now = app.clock.now()
    user_ids = {user_id for user_id, _ in reports}
    held = await held_by_all(user_ids)
    batch = _Batch(app, now, {user_id: plan_of(app, held[user_id], now) for user_id in user_ids})
    firsts: dict[Key, Entry] = {}
    for user_id, entry in reports:
        firsts.setdefault((user_id, entry.idempotency_key), entry)
    async with counting(app):
        outcomes = await _count(batch, firsts)
    known = await _earlier(firsts.keys() - outcomes.keys())
    if known:
        await _read(batch, {(user_id, entry.meter) for user_id, entry in reports})
    return _told(batch, reports, firsts, outcomes, known)


async def _count(batch: _Batch, firsts: dict[Key, Entry]) -> dict[Key, bool]:
    """Whether each new report was counted. Those that were known before are left out."""
    app, new = batch.app, await _insert(batch, firsts)
    if not new:
        return {}
    counters = sorted({(user_id, firsts[user_id, key].meter) for user_id, key in new})
    await _hold(batch, counters)
    outcomes = {
        (user_id, key): batch.total(user_id, entry.meter).take(int(entry.quantity))
        for (user_id, key), entry in firsts.items()
        if (user_id, key) in new
    }
    added = [counter for counter in counters if batch.totals[counter].added]
    if added:
        rows = [_counter(batch, counter, batch.totals[counter].added) for counter in added]
        await insert(app, "usage_counters", _COUNTER_COLUMNS, rows, _COUNT)
    refused = [new[key] for key, counted in outcomes.items() if not counted]
    if refused:
        await UsageRecord.filter(id__in=refused).delete()
    return outcomes


async def _insert(batch: _Batch, firsts: dict[Key, Entry]) -> dict[Key, int]:
    """Write down all keys that are new; the ids of their rows. In one order, so that no two calls block each other."""
    rows = [
        (user_id, key, entry.meter, batch.total(user_id, entry.meter).period.name, int(entry.quantity), batch.now)
        for (user_id, key), entry in sorted(firsts.items(), key=itemgetter(0))
    ]
    written = await insert(batch.app, "usage_records", RECORD_COLUMNS, rows, NEW_RECORD)
    return {(row["user_id"], row["idempotency_key"]): row["id"] for row in written}


async def _hold(batch: _Batch, counters: Iterable[tuple[int, str]]) -> None:
    """Read the counters, made where there are none, and let nobody else count on them until the transaction ends."""
    rows = [_counter(batch, counter, 0) for counter in counters]
    for row in await insert(batch.app, "usage_counters", _COUNTER_COLUMNS, rows, _HOLD):
        total = batch.totals[row["user_id"], row["meter"]]
        total.used, total.reserved = row["used"], row["reserved"]


def _counter(batch: _Batch, counter: tuple[int, str], used: int) -> tuple[object, ...]:
    period = batch.totals[counter].period
    return (*counter, period.name, period.ends_at, used, 0)


async def _earlier(keys: set[Key]) -> dict[Key, tuple[str, int]]:
    """Meter and quantity of reports that had been counted before."""
    if not keys:
        return {}
    users, names = {user_id for user_id, _ in keys}, {key for _, key in keys}
    rows = await UsageRecord.filter(user_id__in=users, idempotency_key__in=names)
    return {(row.user_id, row.idempotency_key): (row.meter, row.quantity) for row in rows}


async def _read(batch: _Batch, counters: set[tuple[int, str]]) -> None:
    """What the counters say now: those of nothing but duplicates have not been read yet."""
    periods = {batch.total(*counter).period.name for counter in counters}
    rows = await UsageCounter.filter(user_id__in={user_id for user_id, _ in counters}, period__in=periods)
    for row in rows:
        total = batch.totals.get((row.user_id, row.meter))
        if total is not None and total.period.name == row.period:
            total.used, total.reserved = row.used, row.reserved


def _told(
    batch: _Batch,
    reports: Sequence[Report],
    firsts: dict[Key, Entry],
    outcomes: dict[Key, bool],
    known: dict[Key, tuple[str, int]],
) -> list[Result]:
    results: list[Result] = []
    seen: set[Key] = set()
    for user_id, entry in reports:
        key = (user_id, entry.idempotency_key)
        first = firsts[key]
        body = known.get(key, (first.meter, int(first.quantity)))
        if body != (entry.meter, int(entry.quantity)):
            results.append(IdempotencyConflict())
        elif outcomes.get(key, True):
            duplicate = key in seen or key not in outcomes
            results.append(Recorded(batch.reading(user_id, entry.meter), duplicate))
        else:
            results.append(UsageLimitReached(batch.reading(user_id, entry.meter)))
        seen.add(key)
    return results


def _held_up(result: Result) -> bool:
    return isinstance(result, UsageLimitReached) and bool(result.reading.reserved)


def _counted(result: Result) -> bool:
    return isinstance(result, Recorded) and not result.duplicate
