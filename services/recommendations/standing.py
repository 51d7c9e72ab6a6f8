"""What a page begins with, in one statement: what its reader allows, how far the catalogue is, and a list that stands.

A first page shows a list again while nothing has changed that it was made of: the numbers of what changed are compared
by the database, in the statement that reads the list. So all processes know of a change as soon as it is written.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from adapters.database import Question
from core.errors import BadUserInput, Unauthenticated
from services.recommendations.grounds import Ground, GroundKind
from services.recommendations.ranking import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapters.database import Record
    from adapters.embeddings import Space
    from services.app import App
    from services.pages import Page
    from services.recommendations.filters import Filter

SHOWN_AGAIN = timedelta(seconds=60)
"""How old a list may be that a first page shows: what time alone changes is as late as that."""

_ASKED = (
    ("user_id", "bigint"),
    ("number", "bigint"),
    ("basis", "text"),
    ("since", "timestamptz"),
    ("excludes", "boolean"),
    ("now", "timestamptz"),
)
_READ = """
SELECT asked.place, users.personalization, users.personalization_epoch, users.taste,
    COALESCE(catalogue_revisions.number, 0), slates.taste = users.taste AND slates.excludes_seen = asked.excludes,
    slates.number, slates.strategy, slates.degraded_reason, slates.items, slates.grounds
FROM {asked} JOIN users ON users.id = asked.user_id
LEFT JOIN catalogue_revisions ON catalogue_revisions.id = 1
LEFT JOIN recommendation_slates AS slates ON slates.user_id = users.id AND {which}
ORDER BY asked.place, slates.made_at DESC
"""
_AGAIN = Question(
    _ASKED,
    _READ.replace(
        "{which}",
        "slates.basis = asked.basis AND slates.taste = users.taste AND slates.made_at > asked.since "
        "AND slates.made_at <= asked.now AND slates.revision = COALESCE(catalogue_revisions.number, 0)",
    ),
)
_LATER = Question(_ASKED, _READ.replace("{which}", "slates.number = asked.number AND slates.expires_at > asked.now"))


@dataclass(frozen=True)
class Frozen:
    """A list in its order; the item at index 0 has rank 1. Its number and a rank make a cursor.

    `items` has of each place the item's number, its score, and which of `grounds` brought it there.
    """

    number: int
    strategy: Strategy
    degraded_reason: str | None
    items: Sequence[tuple[int, float, int]]
    grounds: Sequence[Ground]


@dataclass(frozen=True)
class Reader:
    """Whose page it is: whether what they do may be used, and how often they said otherwise or became better known.

    `catalogue` is the number of its last change, as of the same moment.
    """

    user_id: int
    personalized: bool
    epoch: int
    taste: int
    catalogue: int


@dataclass(frozen=True)
class Standing:
    """The reader, and a list if there is one. `hides_all`: it has nothing of what is to be hidden from the reader."""

    reader: Reader
    frozen: Frozen | None
    hides_all: bool


def basis_of(app: App, wanted: Filter, lacking: frozenset[str]) -> str | None:
    """A hash of whatever a list is made of besides what is counted by numbers in rows.

    None while this process does not know the whole catalogue: what is made now is not shown again.
    """
    if app.items.revision is None:
        return None
    return _hash(app.embeddings.space, app.collaborative.serving, wanted, lacking)


@lru_cache(maxsize=1024)
def _hash(space: Space, crowd: int, wanted: Filter, lacking: frozenset[str]) -> str:
    asked = sorted(wanted.categories), sorted(wanted.tags), wanted.exclude_seen
    parts = (space.model, space.version, space.dimension, crowd, asked, sorted(lacking))
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


async def again(app: App, user_id: int, wanted: Filter, basis: str | None) -> Standing:
    """The list that may be shown once more. Raises Unauthenticated for who is gone."""
    now = app.clock.now()
    values = [user_id, None, basis, now - SHOWN_AGAIN, wanted.exclude_seen, now]
    return _standing(user_id, await app.database.answers(_AGAIN, values))


async def later(app: App, user_id: int, page: Page, wanted: Filter) -> Standing:
    """The list that the page's cursors name.

    Raises BadUserInput for cursors of two lists, of a list that is over, and of none that was this user's;
    Unauthenticated for who is gone.
    """
    named = {place[1] for place in (page.after, page.before) if place}
    if len(named) > 1:
        raise BadUserInput("after and before are of two lists.")
    now = app.clock.now()
    values = [user_id, min(named), None, now, wanted.exclude_seen, now]
    found = _standing(user_id, await app.database.answers(_LATER, values))
    if found.frozen is None:
        raise BadUserInput("This list is over: ask for its first page again.")
    return found


def _standing(user_id: int, found: Sequence[Record]) -> Standing:
    if not found:
        raise Unauthenticated
    _, personalized, epoch, taste, catalogue, hides_all, number, strategy, degraded_reason, items, grounds = found[0]
    reader = Reader(user_id, bool(personalized), epoch, taste, catalogue)
    if number is None:
        return Standing(reader, None, hides_all=False)
    told = [Ground(GroundKind(kind), topic, item_id) for kind, topic, item_id in orjson.loads(grounds)]
    frozen = Frozen(number, Strategy(strategy), degraded_reason, orjson.loads(items), told)
    return Standing(reader, frozen, hides_all=bool(hides_all))
