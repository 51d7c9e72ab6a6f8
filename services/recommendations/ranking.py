"""Which items suit a person, in which order and why: exact similarity to each interest, and evidence as the reason."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import BadUserInput
from models.recommendations import Item
from services.pages import Page, Rows, cut
from services.recommendations.profile import profile_of, vectors_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.cursors import Place
    from models.recommendations import Interest
    from services.app import App

CANDIDATES = 200
"""Items that are ranked for one interest: the longest list that a person may page through."""
SAME_CATEGORY = 0.25
"""Added to the similarity of an item in the very category that was stated, so that these come first."""
PRECISION = 6
"""Decimals of a score: the cursor holds it, and must find its place again."""
LONGEST_FILTER = 50


@dataclass(frozen=True)
class Filter:
    """What a client wants to see alone. `exclude_seen` leaves out what the person has met in any way."""

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_seen: bool = False

    def __post_init__(self) -> None:
        if len(self.categories) > LONGEST_FILTER or len(self.tags) > LONGEST_FILTER:
            raise BadUserInput(f"A filter has at most {LONGEST_FILTER} categories and tags.")


@dataclass(frozen=True)
class Recommendation:
    """One item of a list, with its place in the order, what it is good for and where the claim comes from."""

    item: Item
    place: Place
    score: float
    rank: int
    reason: str
    strategy: str


@dataclass(frozen=True)
class Slate:
    """One page of recommendations. `strategy` is `interests`, or `catalogue` while nothing is known of the person."""

    page: Rows[Recommendation]
    strategy: str


async def recommend(app: App, user_id: int, page: Page, wanted: Filter) -> Slate:
    """A page of what suits the user. What they disliked or dismissed is gone.

    Without interests, or before the catalogue's vectors are there, it is a walk round the categories.
    """
    profile = await profile_of(app, user_id)
    without = set(profile.met if wanted.exclude_seen else profile.refused)
    vectors = await vectors_of(app, profile.interests)
    interests = [each for each in profile.interests if each.id in vectors]
    if interests and app.items.ready:
        queries = [vectors[each.id] for each in interests]
        return await _by_interests(app, interests, queries, page, wanted, without)
    return await _by_catalogue(page, wanted, without)


async def _by_interests(
    app: App,
    interests: list[Interest],
    queries: list[NDArray[np.float32]],
    page: Page,
    wanted: Filter,
    without: set[int],
) -> Slate:
    among = await _matching(wanted)
    ranked = await _ranked(app, interests, queries, among, without)
    chosen = _window([(-score, item_id) for item_id, (score, _) in ranked.items()], page)
    items = {item.id: item for item in await Item.filter(id__in=[item_id for _, item_id in chosen], retired_at=None)}
    rows = [
        Recommendation(
            items[item_id],
            (-negative, item_id),
            -negative,
            rank,
            f"Because you are interested in {interests[ranked[item_id][1]].topic}",
            "interests",
        )
        for rank, (negative, item_id) in enumerate(chosen, start=1)
        if item_id in items
    ]
    return Slate(cut(rows, page), "interests")


async def _ranked(
    app: App,
    interests: list[Interest],
    queries: list[NDArray[np.float32]],
    among: set[int] | None,
    without: set[int],
) -> dict[int, tuple[float, int]]:
    """Score and best interest of each candidate."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    found = await app.vectors.search(
        app.embeddings.space, np.stack(queries), limit=CANDIDATES, among=among, without=without
    )
    categories = app.items.categories
    ranked: dict[int, tuple[float, int]] = {}
    for number, (interest, neighbours) in enumerate(zip(interests, found, strict=True)):
        for neighbour in neighbours:
            bonus = SAME_CATEGORY if interest.category and categories.get(neighbour.id) == interest.category else 0.0
            score = round(interest.weight * (neighbour.score + bonus), PRECISION)
            if neighbour.id not in ranked or score > ranked[neighbour.id][0]:
                ranked[neighbour.id] = (score, number)
    return ranked


def _window(places: list[tuple[float, int]], page: Page) -> list[tuple[float, int]]:
    """The places that a page may need, one too many, in the page's direction."""
    places.sort()
    low = bisect_right(places, (-page.after[0], page.after[1])) if page.after else 0
    high = bisect_left(places, (-page.before[0], page.before[1])) if page.before else len(places)
    within = places[low:high]
    return within[: page.size + 1] if page.forward else within[::-1][: page.size + 1]


async def _by_catalogue(page: Page, wanted: Filter, without: set[int]) -> Slate:
    """A walk through the catalogue, one of each category at a time."""
    among = await _matching(wanted)
    query = Item.filter(retired_at=None) if among is None else Item.filter(id__in=list(among))
    if without:
        query = query.filter(id__not_in=list(without))
    if page.after:
        query = query.filter(position__gt=int(page.after[0]))
    if page.before:
        query = query.filter(position__lt=int(page.before[0]))
    items = await query.order_by("position" if page.forward else "-position").limit(page.size + 1)
    rows = [
        Recommendation(
            item, (item.position, item.id), 0.0, rank, f"A start in {item.category.replace('-', ' ')}", "catalogue"
        )
        for rank, item in enumerate(items, start=1)
    ]
    return Slate(cut(rows, page), "catalogue")


async def _matching(wanted: Filter) -> set[int] | None:
    """The ids that a filter leaves; None when there is none."""
    if not wanted.categories and not wanted.tags:
        return None
    query = Item.filter(retired_at=None)
    if wanted.categories:
        query = query.filter(category__in=wanted.categories)
    found = await query.values_list("id", "tags")
    return {item_id for item_id, tags in found if not wanted.tags or set(wanted.tags) & set(tags)}
