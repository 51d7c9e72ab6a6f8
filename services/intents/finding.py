"""Items of the catalogue that are near to what somebody said."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from core.errors import Unavailable
from services.recommendations import Filter, Slate, recommend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.app import App
    from services.pages import Page

NEIGHBOURS = 5
AGREEING = 4
"""Of the nearest items, so many of one category tell the category: of the 36 queries in `benchmarks/embeddings.py` they
tell 26, all of them right; 3 would tell 31, and 29 right."""


async def items_toward(app: App, user_id: int | None, vector: NDArray[np.float32], page: Page) -> Slate | None:
    """What suits the user, led by the vector; one page of what is near to it for who has not signed in.

    None before there are any vectors. Raises BadUserInput.
    """
    if not app.items.ready:
        return None
    return await recommend(app, user_id, page, Filter(), toward=vector[None])


async def category_near(app: App, vector: NDArray[np.float32]) -> str | None:
    """The category that nearly all of the nearest items are of; None when they differ, or cannot be found."""
    if not app.items.ready:
        return None
    try:
        [near] = await app.vectors.search(app.embeddings.space, vector[None], limit=NEIGHBOURS)
    except Unavailable:
        return None
    known = app.items.known
    held = Counter(known[each.id].category for each in near if each.id in known)
    [(category, count)] = held.most_common(1) or [("", 0)]
    return category if count >= AGREEING else None
