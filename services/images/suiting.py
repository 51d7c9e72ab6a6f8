"""What suits an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.recommendations.ranking import Filter, Slate, recommend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App
    from services.pages import Page


async def items_for(
    app: App,
    user_id: int,
    topics: Sequence[str],  # ruff: ignore[unused-function-argument] -- they lead as interests, which all lead
    page: Page,
) -> Slate:
    """A page of what suits the user, led by an image's topics, which are interests of theirs by now."""
    return await recommend(app, user_id, page, Filter())
