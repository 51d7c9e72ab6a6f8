"""A page out of a frozen list: each item is looked at again as its row is now, and what fell out is passed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.pages import Rows, cut
from services.recommendations import outcomes
from services.recommendations.filters import Entitlement, Filter, Rules
from services.recommendations.grounds import Ground, reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core.cursors import Place
    from services.app import App
    from services.pages import Page
    from services.recommendations.item_rows import ItemRow
    from services.recommendations.standing import Frozen

MARGIN = 10
"""Items that are read beyond those that a page needs, in case that some of them are gone."""


@dataclass(frozen=True)
class Asked:
    """Who asks for a page, for what, what they are not shown, and their epoch.

    `catalogue` is the number of its last change, as it was a moment ago; None where nobody has looked.
    """

    user_id: int | None
    wanted: Filter
    hidden: frozenset[int]
    entitlement: Entitlement
    epoch: int = 0
    catalogue: int | None = None


@dataclass(frozen=True)
class Showing:
    """What all recommendations of one page have in common. `rows` has their items and those of their evidence."""

    app: App
    asked: Asked
    frozen: Frozen
    at: datetime
    rows: Mapping[int, ItemRow]
    reasons: dict[tuple[int, str], str] = field(default_factory=dict)
    """Sentences by ground and category: many recommendations share one."""


@dataclass(slots=True, eq=False)
class Recommendation:
    """One item of a list, with its place in the order, and what it is good for.

    `said` is the number of its ground among those of the list. What few ask for is made when it is asked for.
    """

    item: ItemRow
    rank: int
    score: float
    said: int
    showing: Showing

    @property
    def place(self) -> Place:
        """Where it stands, and in which list."""
        return self.rank, self.showing.frozen.number

    @property
    def ground(self) -> Ground:
        """What speaks for it."""
        return self.showing.frozen.grounds[self.said]

    @property
    def evidence(self) -> ItemRow | None:
        """The item that the ground is about."""
        return self.showing.rows.get(self.ground.item_id or 0)

    @property
    def reason(self) -> str:
        """Why it is here, for people."""
        reasons, key = self.showing.reasons, (self.said, self.item.category)
        if key not in reasons:
            title = self.evidence.title if self.evidence else None
            reasons[key] = reason(self.ground, title=title, category=self.item.category)
        return reasons[key]

    @property
    def key(self) -> str:
        """What the person's deeds are told with."""
        showing = self.showing
        asked, frozen = showing.asked, showing.frozen
        shown = outcomes.Shown(frozen.number, self.rank, self.item.id, frozen.strategy, showing.at, asked.epoch)
        return outcomes.key_of(showing.app, asked.user_id, shown)


@dataclass(frozen=True)
class Slate:
    """One page of recommendations, what the list was made of, and what it had to do without, if anything."""

    page: Rows[Recommendation]
    strategy: str
    degraded_reason: str | None = None


async def served(app: App, asked: Asked, frozen: Frozen, page: Page) -> Slate:
    """The page, filled with what follows in place of what fell out. Ranks stay as they were.

    One statement where items are not in memory, and one more for each `MARGIN` items that are gone.
    """
    ranks: Sequence[int] = _within(frozen, page)
    if asked.hidden:
        ranks = [rank for rank in ranks if frozen.items[rank - 1][0] not in asked.hidden]
    found: list[Recommendation] = []
    while ranks and len(found) <= page.size:
        count = page.size + 1 - len(found) + MARGIN
        some, ranks = ranks[:count], ranks[count:]
        found += await _standing(app, asked, frozen, some)
    return Slate(cut(found[: page.size + 1], page), frozen.strategy.value, frozen.degraded_reason)


def _within(frozen: Frozen, page: Page) -> range:
    """The ranks between the page's cursors, in the page's direction."""
    low = max(int(page.after[0]), 0) if page.after else 0
    high = min(int(page.before[0]), len(frozen.items) + 1) if page.before else len(frozen.items) + 1
    ranks = range(low + 1, high)
    return ranks if page.forward else ranks[::-1]


async def _standing(app: App, asked: Asked, frozen: Frozen, ranks: Sequence[int]) -> list[Recommendation]:
    """Those at these ranks that may be shown now, with their rows and those of their evidence."""
    grounds, listed = frozen.grounds, frozen.items
    some = [(rank, *listed[rank - 1]) for rank in ranks]
    ids = {each[1] for each in some}
    ids |= {item_id for each in some if (item_id := grounds[each[3]].item_id) is not None}
    rows = await app.item_rows.of(app.database, ids, asked.catalogue)
    lacking = await asked.entitlement.lacking({row.requires for row in rows.values() if row.requires})
    now = app.clock.now()
    rules = Rules(asked.wanted, asked.hidden, lacking, now)
    showing = Showing(app, asked, frozen, now, rows)
    return [
        Recommendation(row, rank, score, said, showing)
        for rank, item_id, score, said in some
        if (row := rows.get(item_id)) is not None and rules.admit(row)
    ]
