"""What suits an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import Unavailable
from services.recommendations import Filter, Slate, recommend

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from services.app import App
    from services.pages import Page

LEADING = 3
"""Topics that lead the list, the surest: categories of the catalogue where there are any among them."""
WITHIN = 0.2
"""Seconds that their vectors may take. Without them the interests lead, among which the topics are by now."""


async def items_for(app: App, user_id: int, topics: Sequence[str], page: Page) -> Slate:
    """A page of what suits the user, led by an image's topics. Raises BadUserInput."""
    shelves = [topic for topic in topics if topic.replace(" ", "-") in app.items.categories]
    leading = (shelves or list(topics))[:LEADING] if not (page.after or page.before) else []
    toward = await _toward(app, leading) if leading else None
    return await recommend(app, user_id, page, Filter(), toward=toward)


async def _toward(app: App, topics: Sequence[str]) -> NDArray[np.float32] | None:
    try:
        return await app.embeddings.embed(topics, deadline=WITHIN)
    except Unavailable:
        return None
