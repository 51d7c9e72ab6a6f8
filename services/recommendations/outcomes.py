"""What comes of lists: each item of each list is counted once as seen and once as opened, by strategy and slot.

A recommendation's id says whose list it was and where the item stood in it, and is signed: no row is read to believe
it, and counts outlive the lists.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from core.cursors import decode_id, encode_id
from core.errors import BadUserInput
from models.recommendations import Interaction, InteractionKind
from models.slates import RecommendationDay
from services.analytics.figures.days import window_of
from services.recommendations.ranking import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.app import App
    from services.recommendations.profile.held import Owner

COUNTED_FOR = timedelta(days=7)
"""How long after it was given an id counts. Later it is taken as told, and counts for nothing."""
OPENED = frozenset({InteractionKind.CLICK, InteractionKind.SAVE, InteractionKind.COMPLETE})
SEEN = OPENED | {InteractionKind.VIEW}
"""What was opened had been seen, told or not: nobody opens more than they see."""
TYPE = "Recommendation"
PURPOSE = "recommendation"
SIGNED = 24
"""Characters of the signature: 96 bits."""
_KEY = re.compile(
    r"([0-9]{1,10})\.([0-9]{1,3})\.([0-9]{1,10})\.([hipc])\.([0-9]{6,7})\.([0-9]{1,10})\.([0-9a-f]{24})", re.ASCII
)
_STRATEGIES = {strategy.value[0]: strategy for strategy in Strategy}
_COUNT = """
INSERT INTO recommendation_days (day, strategy, slot, impressions, clicks) VALUES {}
ON CONFLICT (day, strategy, slot) DO UPDATE SET impressions = recommendation_days.impressions + excluded.impressions,
clicks = recommendation_days.clicks + excluded.clicks
"""


@dataclass(frozen=True)
class Shown:
    """An item at a rank of a list, the moment at which it was given out, and its owner's epoch then."""

    number: int
    rank: int
    item_id: int
    strategy: Strategy
    at: datetime
    epoch: int = 0


@dataclass(frozen=True)
class _Said:
    """What an id says, and its signature."""

    number: int
    rank: int
    item_id: int
    strategy: Strategy
    day: date
    epoch: int
    text: str
    mac: str

    @property
    def seat(self) -> tuple[int, int]:
        """Which place of which list: what counts once, by whichever id of whichever day it is told."""
        return self.number, self.rank


@dataclass(frozen=True)
class Figure:
    """What one slot of one strategy's lists came to. `rate` is the part of what was seen that was opened."""

    strategy: str
    slot: int
    impressions: int
    clicks: int

    @property
    def rate(self) -> float | None:
        """Between 0 and 1; None where nothing was seen."""
        return self.clicks / self.impressions if self.impressions else None


def key_of(app: App, user_id: int | None, shown: Shown) -> str:
    """The recommendation's id, for this user: the same one all day."""
    day = shown.at.date().toordinal()
    told = f"{shown.number}.{shown.rank}.{shown.item_id}.{shown.strategy.value[0]}.{day}.{shown.epoch}"
    mac = app.keys.mac(PURPOSE, f"{user_id or 0}.{told}").hex()[:SIGNED]
    return encode_id(TYPE, f"{told}.{mac}")


def require_own(app: App, user_id: int, key: str, item_id: int) -> None:
    """Raise BadUserInput for an id that is not ours, of another person, or of another item.

    What was given to somebody who had not signed in may be told by whoever has signed in since.
    """
    said = _said(key)
    macs = [each for owner in (user_id, 0) for each in app.keys.macs(PURPOSE, f"{owner}.{said.text}")] if said else []
    genuine = said and any(hmac.compare_digest(said.mac, each[:SIGNED]) for each in macs)
    if not said or not genuine or said.item_id != item_id:
        raise BadUserInput("recommendationId is none of ours.")


async def count(app: App, user: Owner, batch: str) -> None:
    """Count what a batch of interactions tells of lists, inside the caller's transaction, which holds the user.

    Three statements at most, and the last one of the transaction: many people wait for these rows.
    """
    told: Any = await Interaction.filter(
        user_id=user.id, batch=batch, recommendation__isnull=False, kind__in=list(SEEN)
    ).values_list("recommendation", "kind", "item_id")
    now = app.clock.now()
    new = [(said, kind) for key, kind, _ in told if (said := _said(key)) and _counts(said, user, now)]
    if not new:
        return
    before: Any = await Interaction.filter(
        user_id=user.id, item_id__in=list({item_id for _, _, item_id in told}), recommendation__isnull=False,
        kind__in=list(SEEN),
    ).exclude(batch=batch).distinct().values_list("recommendation", "kind")  # fmt: skip
    known = [(said.seat, kind) for key, kind in before if (said := _said(key))]
    seen, opened = {seat for seat, _ in known}, {seat for seat, kind in known if kind in OPENED}
    places = {said.seat: (said.strategy.value, said.rank) for said, _ in new}
    impressions = Counter(places[seat] for seat in places.keys() - seen)
    clicks = Counter(places[seat] for seat in {said.seat for said, kind in new if kind in OPENED} - opened)
    rows = [(now.date().isoformat(), *place, impressions[place], clicks[place]) for place in impressions | clicks]
    await _write(app, sorted(rows))


async def figures(app: App, since: datetime | None, until: datetime | None) -> list[Figure]:
    """What came of the lists in whole days, by strategy and slot. Raises BadUserInput."""
    window = window_of(since, until, app.clock.now())
    rows: Any = await RecommendationDay.filter(
        day__gte=window.since.isoformat(), day__lt=window.until.isoformat()
    ).values_list("strategy", "slot", "impressions", "clicks")
    impressions: Counter[tuple[str, int]] = Counter()
    clicks: Counter[tuple[str, int]] = Counter()
    for strategy, slot, seen, opened in rows:
        impressions[strategy, slot] += seen
        clicks[strategy, slot] += opened
    return [Figure(*place, impressions[place], clicks[place]) for place in sorted(impressions)]


async def _write(app: App, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add to the counts, in one order for everybody, so that no two wait for each other."""
    if not rows:
        return
    width = len(rows[0])
    places = [
        f"({', '.join(f'${row * width + column}' for column in range(1, width + 1))})" for row in range(len(rows))
    ]
    await app.database.rows(_COUNT.format(", ".join(places)), [value for row in rows for value in row])


def _counts(said: _Said, user: Owner, now: datetime) -> bool:
    """Whether an id still counts: not what no list was kept for, nor what is from long ago, or from another epoch."""
    fresh = now.date() - said.day <= COUNTED_FOR
    return said.number != 0 and said.epoch == user.personalization_epoch and fresh


def _said(key: str) -> _Said | None:
    """What an id says; None for what is no id of a recommendation."""
    decoded = decode_id(key)
    match = _KEY.fullmatch(decoded[1]) if decoded and decoded[0] == TYPE else None
    if match is None:
        return None
    number, rank, item_id, strategy, day, epoch, mac = match.groups()
    try:
        at = date.fromordinal(int(day))
    except ValueError:
        return None
    text = decoded[1].rpartition(".")[0] if decoded else ""
    return _Said(int(number), int(rank), int(item_id), _STRATEGIES[strategy], at, int(epoch), text, mac)
