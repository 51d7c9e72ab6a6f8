"""A page out of a frozen list: each item is looked at again as its row is now, and what fell out is passed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.recommendations import Item
from services.pages import Rows, cut
from services.recommendations import outcomes
from services.recommendations.filters import Entitlement, Filter, Rules
from services.recommendations.grounds import Ground, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.cursors import Place
    from services.app import App
    from services.pages import Page
    from services.recommendations.ranking import Ranked
    from services.recommendations.slates import Frozen

MARGIN = 10
"""Items that are read beyond those that a page needs, in case that some of them are gone."""


@dataclass(frozen=True)
class Recommendation:
    """One item of a list, with its place in the order, what it is good for and where the claim comes from.

    `evidence` is the item that the ground is about. `key` is what the person's deeds are told with.
    """

    item: Item
    place: Place
    score: float
    rank: int
    reason: str
    ground: Ground
    evidence: Item | None
    key: str


@dataclass(frozen=True)
class Slate:
    """One page of recommendations, what the list was made of, and what it had to do without, if anything."""

    page: Rows[Recommendation]
    strategy: str
    degraded_reason: str | None = None


@dataclass(frozen=True)
class Reader:
    """Who reads a page, what they are not shown, and their epoch."""

    user_id: int | None
    wanted: Filter
    hidden: frozenset[int]
    entitlement: Entitlement
    epoch: int = 0


async def served(app: App, reader: Reader, frozen: Frozen, page: Page) -> Slate:
    """The page, filled with what follows in place of what fell out. Ranks stay as they were.

    One statement, and one more for each `MARGIN` items that are gone.
    """
    waiting = [(rank, each) for rank, each in _within(frozen, page) if each.item_id not in reader.hidden]
    rows: list[Recommendation] = []
    while waiting and len(rows) <= page.size:
        count = page.size + 1 - len(rows) + MARGIN
        some, waiting = waiting[:count], waiting[count:]
        rows += await _standing(app, reader, frozen, some)
    return Slate(cut(rows[: page.size + 1], page), frozen.strategy.value, frozen.degraded_reason)


def _within(frozen: Frozen, page: Page) -> list[tuple[int, Ranked]]:
    """What lies between the page's cursors, with its ranks, in the page's direction."""
    low = int(page.after[0]) if page.after else 0
    high = int(page.before[0]) if page.before else len(frozen.items) + 1
    within = [(rank, each) for rank, each in enumerate(frozen.items, start=1) if low < rank < high]
    return within if page.forward else within[::-1]


async def _standing(app: App, reader: Reader, frozen: Frozen, some: list[tuple[int, Ranked]]) -> list[Recommendation]:
    """Those of these that may be shown now, with their rows and those of their evidence."""
    ids = {each.item_id for _, each in some} | {each.ground.item_id for _, each in some if each.ground.item_id}
    items = {row.id: row for row in await Item.filter(id__in=list(ids))}
    lacking = await reader.entitlement.lacking({row.requires for row in items.values() if row.requires})
    rules = Rules(reader.wanted, reader.hidden, lacking, app.clock.now())
    return [
        _recommendation(app, reader, frozen, rank, each, items)
        for rank, each in some
        if each.item_id in items and rules.admit(items[each.item_id])
    ]


def _recommendation(
    app: App, reader: Reader, frozen: Frozen, rank: int, each: Ranked, items: Mapping[int, Item]
) -> Recommendation:
    item, evidence = items[each.item_id], items.get(each.ground.item_id or 0)
    shown = outcomes.Shown(frozen.number, rank, item.id, frozen.strategy, app.clock.now(), reader.epoch)
    return Recommendation(
        item=item,
        place=(rank, frozen.number),
        score=each.score,
        rank=rank,
        reason=reason(each.ground, title=evidence.title if evidence else None, category=item.category),
        ground=each.ground,
        evidence=evidence,
        key=outcomes.key_of(app, reader.user_id, shown),
    )
