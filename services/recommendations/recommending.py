"""The one question: what suits this person now? A first page makes a list and freezes it, later pages read it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import BadUserInput, Unavailable
from models.recommendations import Item
from services.recommendations import slates
from services.recommendations.filters import Deeds, Entitlement, Filter, Rules
from services.recommendations.nearby import CANDIDATES
from services.recommendations.profile import Profile, profile_of
from services.recommendations.profile.reading import told_of
from services.recommendations.ranking import made
from services.recommendations.reading import Known
from services.recommendations.serving import Reader, Slate, served
from services.recommendations.shelf import built

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.app import App
    from services.pages import Page
    from services.recommendations.profile.signals import Story
    from services.recommendations.ranking import Made
    from services.recommendations.shelf import Shelf

STRANGER = Profile(
    personalized=False, interests=(), history=(), medoids=(), met=frozenset(), refused=frozenset(), finished=frozenset()
)
"""The profile of nobody."""
TRIES = 2
"""How often a list is made when its owner opts out or erases meanwhile."""


async def recommend(
    app: App, user_id: int | None, page: Page, wanted: Filter, *, toward: NDArray[np.float32] | None = None
) -> Slate:
    """A page of what suits the user; of what is popular, or of the catalogue, where nothing is known of them.

    `toward`, of shape (vectors, dimension) in the space that serves, leads the ranking of a first page. Without a user
    there is a first page alone. Raises BadUserInput for cursors that are none of this user's.
    """
    if not (page.after or page.before):
        return await _first_page(app, user_id, page, wanted, toward)
    if user_id is None:
        raise BadUserInput("This list has one page.")
    return await _later_page(app, user_id, page, wanted)


async def _first_page(
    app: App, user_id: int | None, page: Page, wanted: Filter, toward: NDArray[np.float32] | None
) -> Slate:
    if user_id is not None:
        for _ in range(TRIES):
            with suppress(slates.Outdated):
                return await _kept(app, user_id, page, wanted, toward)
        raise Unavailable("What may be used for this list is being changed. Try again shortly.")
    reader = Reader(None, wanted, frozenset(), Entitlement(app, None))
    found = await _made(app, STRANGER, reader, toward)
    slate = await served(app, reader, slates.unkept(found), page)
    return replace(slate, page=replace(slate.page, has_next=False, has_previous=False))


async def _kept(app: App, user_id: int, page: Page, wanted: Filter, toward: NDArray[np.float32] | None) -> Slate:
    """The beginning of a list that stays. Raises Outdated when what it was made of may not be used any more."""
    profile = await profile_of(app, user_id)
    reader = Reader(user_id, wanted, _hidden(profile, wanted), Entitlement(app, user_id), profile.epoch)
    found = await _made(app, profile, reader, toward)
    return await served(app, reader, await slates.freeze(app, user_id, profile.epoch, found), page)


async def _made(app: App, profile: Profile, reader: Reader, toward: NDArray[np.float32] | None) -> Made:
    shelf = await _shelf(app)
    lacking = await reader.entitlement.lacking(shelf.features)
    return await made(app, profile, shelf, Rules(reader.wanted, reader.hidden, lacking, app.clock.now()), toward)


async def _later_page(app: App, user_id: int, page: Page, wanted: Filter) -> Slate:
    may = await told_of(user_id)
    frozen = await slates.thawed(app, user_id, page)
    reader = Reader(user_id, wanted, _hidden(may.story, wanted), Entitlement(app, user_id), may.epoch)
    return await served(app, reader, frozen, page)


def _hidden(known: Profile | Story, wanted: Filter) -> frozenset[int]:
    """What no page shows, the first or a later one."""
    return Deeds(known.met, known.refused, known.finished).hidden(wanted)


async def _shelf(app: App) -> Shelf:
    """The catalogue as arrays; its beginning from rows, where this process has just started and not read it yet."""
    if app.items.known:
        return await app.shelves.of(app.items.known)
    rows = await Item.filter(retired_at=None).order_by("position").limit(CANDIDATES * 5)
    return built(
        {
            row.id: Known(
                category=row.category,
                tags=frozenset(row.tags),
                requires=row.requires,
                available_from=row.available_from,
                available_until=row.available_until,
                created_at=row.created_at,
                position=row.position,
            )
            for row in rows
        }
    )
