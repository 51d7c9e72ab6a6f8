"""The catalogue as anybody may browse and search it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.expressions import Q

from core.errors import BadUserInput
from models.recommendations import Item
from services.pages import Page, Rows, cut
from services.recommendations.entries import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tortoise.queryset import QuerySet

    from services.app import App

LONGEST_SEARCH = 200
MOST_WORDS = 10
MOST_CATEGORIES = 50
LONGEST_CATEGORY = 64


async def item(app: App, item_id: int) -> Item | None:
    """An item that is in the catalogue and can be had now."""
    return await _available(app).filter(id=item_id).first()


async def items(app: App, page: Page, *, search: str | None, categories: Sequence[str] | None) -> Rows[Item]:
    """Items in the catalogue's order; with `search`, those that hold every word of it. Raises BadUserInput.

    What can be no category matches nothing.
    """
    query = _available(app)
    for word in _words(search or ""):
        query = query.filter(search__contains=word)
    if categories is not None:
        if len(categories) > MOST_CATEGORIES:
            raise BadUserInput(f"There are at most {MOST_CATEGORIES} categories.")
        possible = [each for each in categories if len(each) <= LONGEST_CATEGORY and each.isprintable()]
        if not possible:
            return cut([], page)
        query = query.filter(category__in=possible)
    if page.after:
        query = query.filter(position__gt=int(page.after[0]))
    if page.before:
        query = query.filter(position__lt=int(page.before[0]))
    rows = await query.order_by("position" if page.forward else "-position").limit(page.size + 1)
    return cut(rows, page)


def _available(app: App) -> QuerySet[Item]:
    now = app.clock.now()
    begun, open_ended = Q(available_from=None) | Q(available_from__lte=now), Q(available_until=None)
    return Item.filter(begun, open_ended | Q(available_until__gt=now), retired_at=None)


def _words(search: str) -> list[str]:
    if len(search) > LONGEST_SEARCH or "\x00" in search:
        raise BadUserInput(f"search has at most {LONGEST_SEARCH} characters.")
    words = normalised(search).split()
    if len(words) > MOST_WORDS:
        raise BadUserInput(f"search has at most {MOST_WORDS} words.")
    return words
