"""Items of the catalogue that are near to what somebody said."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

from core.errors import Unavailable
from models.recommendations import Interaction, Item
from services.pages import Page, Rows, cut
from services.recommendations.ranking import CANDIDATES, PRECISION, REFUSED, Recommendation, Slate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.app import App

STRATEGY = "intent"
NEIGHBOURS = 5
AGREEING = 4
"""Of the nearest items, so many of one category tell the category: of the 36 queries in `benchmarks/embeddings.py` they
tell 26, all of them right; 3 would tell 31, and 29 right."""


async def items_toward(app: App, user_id: int | None, vector: NDArray[np.float32], page: Page) -> Slate | None:
    """Items near to the vector, the nearest first, without what the user refused; None before there are any vectors.

    Raises Unavailable.
    """
    if not app.items.ready:
        return None
    refused = Interaction.filter(user_id=user_id, kind__in=list(REFUSED))
    without: Any = await refused.values_list("item_id", flat=True) if user_id else []
    [near] = await app.vectors.search(app.embeddings.space, vector[None], limit=CANDIDATES, without=set(without))
    places = sorted((-round(each.score, PRECISION), each.id) for each in near)
    low = bisect_right(places, (page.after[0], page.after[1])) if page.after else 0
    high = bisect_left(places, (page.before[0], page.before[1])) if page.before else len(places)
    within = places[low:high] if page.forward else places[low:high][::-1]
    cutting = cut(within[: page.size + 1], page)
    items = {item.id: item for item in await Item.filter(id__in=[each for _, each in cutting.rows], retired_at=None)}
    rows = [
        Recommendation(items[each], (negative, each), -negative, rank, "Because you asked for it", STRATEGY)
        for rank, (negative, each) in enumerate(cutting.rows, start=1)
        if each in items
    ]
    return Slate(Rows(rows, has_next=cutting.has_next, has_previous=cutting.has_previous), STRATEGY)


async def category_near(app: App, vector: NDArray[np.float32]) -> str | None:
    """The category that nearly all of the nearest items are of; None when they differ, or cannot be found."""
    if not app.items.ready:
        return None
    try:
        [near] = await app.vectors.search(app.embeddings.space, vector[None], limit=NEIGHBOURS)
    except Unavailable:
        return None
    held = Counter(app.items.categories[each.id] for each in near if each.id in app.items.categories)
    [(category, count)] = held.most_common(1) or [("", 0)]
    return category if count >= AGREEING else None
