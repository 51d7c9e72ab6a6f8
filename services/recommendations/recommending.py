"""The one question: what suits this person now? A first page shows a list that stands, or makes one and freezes it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import BadUserInput, Unavailable
from models.recommendations import Item
from services.recommendations import slates, standing
from services.recommendations.filters import Deeds, Entitlement, Filter, Rules
from services.recommendations.nearby import CANDIDATES
from services.recommendations.profile import Profile, profile_by, told_by
from services.recommendations.ranking import made
from services.recommendations.reading import Known
from services.recommendations.serving import Asked, Slate, served
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
                return await _own(app, user_id, page, wanted, toward)
        raise Unavailable("What may be used for this list is being changed. Try again shortly.")
    asked = Asked(None, wanted, frozenset(), Entitlement(app, None))
    shelf = await _shelf(app)
    found = await _made(app, STRANGER, shelf, asked, toward)
    slate = await served(app, asked, slates.unkept(found), page)
    return replace(slate, page=replace(slate.page, has_next=False, has_previous=False))


async def _own(app: App, user_id: int, page: Page, wanted: Filter, toward: NDArray[np.float32] | None) -> Slate:
    """The beginning of a list that stays. Raises Outdated when what it was made of may not be used any more."""
    revision, entitlement = app.items.revision, Entitlement(app, user_id)
    shelf = await _shelf(app)
    lacking = await entitlement.lacking(shelf.features)
    basis = standing.basis_of(app, wanted, lacking) if toward is None else None
    found = await standing.again(app, user_id, wanted, basis)
    reader, frozen = found.reader, found.frozen
    asked = Asked(user_id, wanted, frozenset(), entitlement, reader.epoch, reader.catalogue)
    if frozen is None:
        profile = await profile_by(app, user_id, await told_by(user_id, reader.personalized, reader.epoch))
        asked = replace(asked, hidden=_hidden(profile, wanted))
        new = await _made(app, profile, shelf, asked, toward)
        again = new.whole and revision is not None and shelf.source is app.items.known
        origin = slates.Origin(reader.epoch, reader.taste, wanted.exclude_seen)
        origin = replace(origin, revision=revision, basis=basis) if again else origin
        frozen, catalogue = await slates.freeze(app, user_id, origin, new)
        asked = replace(asked, catalogue=catalogue)
    return await served(app, asked, frozen, page)


async def _made(app: App, profile: Profile, shelf: Shelf, asked: Asked, toward: NDArray[np.float32] | None) -> Made:
    lacking = await asked.entitlement.lacking(shelf.features)
    return await made(app, profile, shelf, Rules(asked.wanted, asked.hidden, lacking, app.clock.now()), toward)


async def _later_page(app: App, user_id: int, page: Page, wanted: Filter) -> Slate:
    found = await standing.later(app, user_id, page, wanted)
    reader = found.reader
    hidden: frozenset[int] = frozenset()
    if not found.hides_all:
        hidden = _hidden((await told_by(user_id, reader.personalized, reader.epoch)).story, wanted)
    asked = Asked(user_id, wanted, hidden, Entitlement(app, user_id), reader.epoch, reader.catalogue)
    assert found.frozen is not None
    return await served(app, asked, found.frozen, page)


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
