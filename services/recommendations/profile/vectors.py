"""The vectors of interests, in their own table: made when they are missing, and made anew for another space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from tortoise.exceptions import IntegrityError
from tortoise.expressions import Subquery

from core.errors import Unavailable
from models.recommendations import Interest, InterestVector

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from adapters.embeddings import Embeddings
    from services.app import App

WITHIN = 0.2
"""Seconds that a reader waits for vectors that are missing: its own answer has 0.3."""
BATCH = 200
"""Interests that are looked at together when all of them are embedded."""

log = structlog.get_logger(__name__)


async def vectors_of(
    app: App, interests: Sequence[Interest], *, deadline: float = WITHIN
) -> dict[int, NDArray[np.float32]]:
    """The vector of each interest in the space that serves, by the interest's id.

    Those that are missing are embedded within `deadline` seconds and stored; when that fails, they are left out. Costs
    a statement, and one more when some were missing.
    """
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    embeddings = app.embeddings
    space = embeddings.space
    rows = await InterestVector.filter(
        interest_id__in=[each.id for each in interests],
        model=space.model,
        version=space.version,
        dimension=space.dimension,
    ).values_list("interest_id", "vector")
    found = {interest_id: np.frombuffer(vector, np.float32) for interest_id, vector in rows}
    missing = [each for each in interests if each.id not in found]
    if missing:
        try:
            made = await _embedded(embeddings, missing, deadline)
        except Unavailable:
            log.warning("interests.not_embedded", interests=len(missing))
        else:
            await _store(embeddings, made)
            found |= made
    return found


async def embed_interests(_: App, embeddings: Embeddings) -> None:
    """Make the vectors that are missing in the space of these embeddings, a batch at a time. Raises Unavailable.

    Nothing of who has opted out is given to them. It may be cut off and called again: it goes on where it was. What is
    stated meanwhile is embedded too, if it comes after the place that has been reached; the rest is left to
    readers, and to the next call.
    """
    space, after, made = embeddings.space, 0, 0
    while True:
        there = InterestVector.filter(model=space.model, version=space.version).only("interest_id")
        used = Interest.filter(id__gt=after, erased_at=None, user__personalization=True)
        missing = used.exclude(id__in=Subquery(there))
        batch = await missing.order_by("id").limit(BATCH)
        if not batch:
            break
        await _store(embeddings, await _embedded(embeddings, batch, None))
        after, made = batch[-1].id, made + len(batch)
    log.info("interests.embedded", model=space.model, made=made)


async def _embedded(
    embeddings: Embeddings, interests: Sequence[Interest], deadline: float | None
) -> dict[int, NDArray[np.float32]]:
    """A vector for each interest. Many people share a topic: each text is embedded once."""
    texts = list(dict.fromkeys(each.topic_key for each in interests))
    given = {} if deadline is None else {"deadline": deadline}
    vectors = dict(zip(texts, await embeddings.embed(texts, **given), strict=True))
    return {each.id: vectors[each.topic_key] for each in interests}


async def _store(embeddings: Embeddings, vectors: dict[int, NDArray[np.float32]]) -> None:
    """Keep the vectors of interests that still stand; another process may have made them too."""
    space = embeddings.space
    rows = [
        InterestVector(
            interest_id=interest_id,
            model=space.model,
            dimension=space.dimension,
            version=space.version,
            vector=vector.tobytes(),
        )
        for interest_id, vector in vectors.items()
    ]
    try:
        await InterestVector.bulk_create(rows, ignore_conflicts=True)
    except IntegrityError:  # one of the interests was taken away meanwhile: the others are made at the next look
        log.info("interests.changed_meanwhile")
