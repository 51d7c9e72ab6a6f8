"""Where a list comes from: rankings by interests, by behaviour, by the crowd and by age, each with its grounds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from core.errors import Unavailable
from services.recommendations.grounds import DONE, Ground, GroundKind
from services.recommendations.nearby import CANDIDATES
from services.recommendations.profile import vectors_of
from services.recommendations.profile.clusters import CLUSTERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from models.recommendations import Interest
    from services.app import App
    from services.recommendations.blending import Weights
    from services.recommendations.nearby import Near
    from services.recommendations.profile import Profile
    from services.recommendations.shelf import Shelf

DEADLINE = 0.3
"""Seconds for the vectors of all that is known of a person, and for what is near to them."""
EMBED_WITHIN = 0.15
"""Of these, the seconds that a new interest's vector may take."""
MOST_INTERESTS = 12
"""Interests that are searched for, the strongest."""
SAME_CATEGORY = 0.25
"""Added to the cosine of an item in the very category of an interest, so that these come first."""
TOWARD = 4.0
"""The weight of what is asked for now, together: it leads whatever is known besides."""
LAST = 1e-9
"""The weight of the walk round the catalogue, which fills what is left of a list."""
NEW_FOR = 14 * 86_400.0
"""Seconds that an item is new."""
NEW_PART = 0.2
"""The part of a catalogue up to which new items stand out. Where everything is new, nothing is."""
NEW_ITEMS = 300
"""New items that are looked at, the newest."""
DEEPER = 2
"""Times as many are asked of the crowd's rankings, of which the filters take some."""

VECTORS_LATE = "The vector store did not answer in time."
NOT_READ = "The catalogue's vectors are not read yet."
NO_VECTORS = "Some of what the list is made of has no vector yet."
NO_CROWD = "What people did is not read yet."

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ranking:
    """Item ids, the best first, each with its ground, and the weight of all of it."""

    weight: float
    ids: list[int]
    grounds: list[Ground]


@dataclass
class Found:
    """All rankings, whether contents or deeds speak in them, and what could not be asked.

    `whole`: nothing was left for the next request to look up.
    """

    rankings: list[Ranking] = field(default_factory=list)
    by_contents: bool = False
    by_deeds: bool = False
    popular: bool = False
    whole: bool = True
    degraded_reason: str | None = None


@dataclass(frozen=True)
class _Query:
    """One vector that is searched for, and its weight among those of its kind."""

    vector: NDArray[np.float32]
    weight: float
    ground: Ground
    category: str | None = None


async def candidates(
    app: App,
    profile: Profile,
    weights: Weights,
    shelf: Shelf,
    allowed: NDArray[np.bool_],
    toward: NDArray[np.float32] | None,
) -> Found:
    """Every ranking that there is for the person. What is late or away is left out, and told."""
    found = Found()
    queries = await _by_contents(app, profile, weights, shelf, allowed, toward, found)
    _by_the_crowd(app, profile, weights, shelf, allowed, found)
    _by_age(app, weights, shelf, allowed, queries, found)
    if len({item_id for ranking in found.rankings for item_id in ranking.ids}) < CANDIDATES:
        walk = shelf.ids[allowed][:CANDIDATES].tolist()
        found.rankings.append(Ranking(LAST, walk, [Ground(GroundKind.START)] * len(walk)))
    return found


async def _by_contents(
    app: App,
    profile: Profile,
    weights: Weights,
    shelf: Shelf,
    allowed: NDArray[np.bool_],
    toward: NDArray[np.float32] | None,
    found: Found,
) -> list[_Query]:
    """Rank by likeness to what is asked for, to interests and to what stands for the history."""
    began = monotonic()
    if toward is None and not profile.interests and not profile.history:
        return []
    if not app.items.ready:
        found.degraded_reason = NOT_READ
        return []
    queries = await _queries(app, profile, weights, toward, found)
    if not queries:
        return []
    try:
        async with asyncio.timeout(max(0.0, DEADLINE - (monotonic() - began))):
            near = await app.nearby.of(
                app.vectors, app.embeddings.space, app.items.version, _stacked(queries), shelf, allowed
            )
    except (TimeoutError, Unavailable) as error:
        log.warning("recommendations.degraded", reason=str(error) or type(error).__name__)
        found.degraded_reason = VECTORS_LATE
        return queries
    found.whole = all(each.whole for each in near)
    for weight, of in ((TOWARD, _of_request), (weights.interests, _of_interests), (weights.medoids, _of_deeds)):
        voices = [
            (query, _best(each, query.category, shelf)) for query, each in zip(queries, near, strict=True) if of(query)
        ]
        if ids := _seated(voices):
            found.rankings.append(Ranking(weight, list(ids), list(ids.values())))
            found.by_contents = True
            found.by_deeds |= of is _of_deeds
    return queries


def _of_request(query: _Query) -> bool:
    return query.ground.kind is GroundKind.REQUEST


def _of_interests(query: _Query) -> bool:
    return query.ground.kind is GroundKind.INTEREST


def _of_deeds(query: _Query) -> bool:
    return query.ground.item_id is not None


def _seated(voices: Sequence[tuple[_Query, list[int]]]) -> dict[int, Ground]:
    """One ranking of several, in which each has seats by its weight (D'Hondt), with the ground of who brought an item.

    Interests are alternatives: what is a little like each of them suits none of them, so their ranks do not add up.
    """
    quotients = [
        (-query.weight / rank, number, item_id)
        for number, (query, ids) in enumerate(voices)
        for rank, item_id in enumerate(ids, start=1)
    ]
    seats: dict[int, Ground] = {}
    for _, number, item_id in sorted(quotients):
        seats.setdefault(item_id, voices[number][0].ground)
    return dict(islice(seats.items(), CANDIDATES))


async def _queries(
    app: App, profile: Profile, weights: Weights, toward: NDArray[np.float32] | None, found: Found
) -> list[_Query]:
    queries = []
    if toward is not None and toward.shape[1] == app.embeddings.space.dimension:
        queries += [_Query(vector, 1.0, Ground(GroundKind.REQUEST)) for vector in toward]
    elif toward is not None:  # the space has just changed
        found.degraded_reason = NO_VECTORS
    kinds = {signal.item_id: DONE[signal.kind] for signal in profile.history}
    if weights.interests > 0 and profile.interests:
        strongest = profile.interests[:MOST_INTERESTS]
        vectors = await vectors_of(app, strongest, deadline=EMBED_WITHIN)
        queries += [_of_interest(each, vectors[each.id]) for each in strongest if each.id in vectors]
        if len(vectors) < len(strongest):
            found.degraded_reason = NO_VECTORS
    if weights.medoids > 0:
        newest = [signal.item_id for signal in profile.history[:CLUSTERED]]
        vectors = app.items.vector_of(newest)
        if any(item_id in app.items.known and item_id not in vectors for item_id in newest):
            found.degraded_reason = NO_VECTORS
        queries += [
            _Query(vectors[item_id], importance, Ground(kinds[item_id], item_id=item_id))
            for item_id, importance in profile.medoids
            if item_id in vectors and item_id in kinds
        ]
    return queries


def _of_interest(interest: Interest, vector: NDArray[np.float32]) -> _Query:
    ground = Ground(GroundKind.INTEREST, topic=interest.topic)
    return _Query(vector, interest.weight, ground, interest.category)


def _stacked(queries: Sequence[_Query]) -> NDArray[np.float32]:
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    return np.stack([query.vector for query in queries])


def _best(near: Near, category: str | None, shelf: Shelf) -> list[int]:
    """The ids in the order of likeness, those of the category before others that are not much nearer."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    ids, code = near.ids, shelf.codes.get(category or "")
    if code is not None:
        scores = near.scores + SAME_CATEGORY * (shelf.categories[shelf.rows(ids)] == code)
        ids = ids[np.lexsort((ids, -scores))]
    found: list[int] = ids.tolist()
    return found


def _by_the_crowd(
    app: App, profile: Profile, weights: Weights, shelf: Shelf, allowed: NDArray[np.bool_], found: Found
) -> None:
    """Rank by what people who did alike did next, and by what many did."""
    if weights.collaborative > 0 and profile.history:
        if not app.collaborative.loaded:
            found.degraded_reason = found.degraded_reason or NO_CROWD
        kinds = {signal.item_id: DONE[signal.kind] for signal in profile.history}
        ranked = app.collaborative.rank(profile.history, limit=CANDIDATES * DEEPER)
        kept = shelf.kept([item_id for item_id, _, _ in ranked], allowed).tolist()
        told = [(item_id, loudest) for (item_id, _, loudest), keep in zip(ranked, kept, strict=True) if keep]
        told = told[:CANDIDATES]
        grounds = [Ground(kinds[loudest], item_id=loudest) for _, loudest in told]
        found.rankings.append(Ranking(weights.collaborative, [item_id for item_id, _ in told], grounds))
        found.by_deeds |= bool(told)
    if weights.popular > 0:
        popular = [item_id for item_id, _ in app.collaborative.popular(CANDIDATES * DEEPER)]
        kept = shelf.kept(popular, allowed).tolist()
        ids = [item_id for item_id, keep in zip(popular, kept, strict=True) if keep][:CANDIDATES]
        found.rankings.append(Ranking(weights.popular, ids, [Ground(GroundKind.POPULAR)] * len(ids)))
        found.popular = bool(ids)


def _by_age(
    app: App, weights: Weights, shelf: Shelf, allowed: NDArray[np.bool_], queries: Sequence[_Query], found: Found
) -> None:
    """Rank the new items: the nearest to what is searched for first, or the newest."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    new = shelf.created > app.clock.now().timestamp() - NEW_FOR
    if weights.fresh <= 0 or not len(new) or new.mean() > NEW_PART:
        return
    rows = np.flatnonzero(new & allowed)
    rows = rows[np.argsort(-shelf.created[rows], kind="stable")][:NEW_ITEMS]
    ids: list[int] = shelf.ids[rows].tolist()
    vectors = app.items.vector_of(ids) if queries and app.items.ready else {}
    if vectors:
        ids = [item_id for item_id in ids if item_id in vectors]
        likeness = (np.stack([vectors[item_id] for item_id in ids]) @ _stacked(queries).T).max(axis=1)
        ids = [ids[place] for place in np.argsort(-likeness, kind="stable").tolist()]
    found.rankings.append(Ranking(weights.fresh, ids, [Ground(GroundKind.NEW)] * len(ids)))
