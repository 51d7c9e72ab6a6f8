"""The catalogue as anybody may browse and search it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import BadUserInput
from models.recommendations import Item
from services.pages import Page, Rows, cut
from services.recommendations.entries import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_SEARCH = 200
MOST_WORDS = 10
MOST_CATEGORIES = 50


async def item(item_id: int) -> Item | None:
    """An item that is in the catalogue."""
    return await Item.get_or_none(id=item_id, retired_at=None)


async def items(page: Page, *, search: str | None, categories: Sequence[str] | None) -> Rows[Item]:
    """Items in the catalogue's order; with `search`, those that hold every word of it. Raises BadUserInput."""
    query = Item.filter(retired_at=None)
    for word in _words(search or ""):
        query = query.filter(search__contains=word)
    if categories is not None:
        if len(categories) > MOST_CATEGORIES:
            raise BadUserInput(f"There are at most {MOST_CATEGORIES} categories.")
        query = query.filter(category__in=list(categories))
    if page.after:
        query = query.filter(position__gt=int(page.after[0]))
    if page.before:
        query = query.filter(position__lt=int(page.before[0]))
    rows = await query.order_by("position" if page.forward else "-position").limit(page.size + 1)
    return cut(rows, page)


def _words(search: str) -> list[str]:
    if len(search) > LONGEST_SEARCH or "\x00" in search:
        raise BadUserInput(f"search has at most {LONGEST_SEARCH} characters.")
    words = normalised(search).split()
    if len(words) > MOST_WORDS:
        raise BadUserInput(f"search has at most {MOST_WORDS} words.")
    return words
