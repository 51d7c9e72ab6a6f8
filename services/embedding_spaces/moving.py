"""The way from one space to another: vectors made while the old one serves, one statement that flips, old ones gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from models.embedding_spaces import EmbeddingProcess, EmbeddingSpace, ServingSpace
from models.jobs import Job
from services.embedding_spaces.keeping import CHANNEL, LIVE, Unable
from services.recommendations.catalogue import PREPARE, embed_items
from services.recommendations.profile import embed_interests
from services.recommendations.revisions import CHANNEL as ITEMS_EMBEDDED

if TYPE_CHECKING:
    from adapters.embeddings import Embeddings
    from services.app import App

MOVE = "embeddings.move"
FORGET = "embeddings.forget"
KEPT = timedelta(days=1)
"""How long vectors stay after their space was last used: who goes back to it within a day finds them."""
FORGOTTEN_AT_ONCE = 5_000
"""Vectors that one statement deletes."""

# Who decides is this one statement. Every process that lives was told to use the space, one of them at least, and no
# item lacks its vector: so there is no flip back and forth while an old release and a new one run side by side.
_FLIP = """
UPDATE serving_space SET space_id = $1, since = $2 WHERE id = 1 AND space_id = $7
AND EXISTS (SELECT 1 FROM embedding_processes WHERE space_id = $1 AND seen_at > $3)
AND NOT EXISTS (SELECT 1 FROM embedding_processes WHERE space_id <> $1 AND seen_at > $3)
AND NOT EXISTS (
  SELECT 1 FROM items WHERE retired_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM item_vectors WHERE item_id = items.id AND model = $4 AND version = $5 AND dimension = $6
  )
)
"""
_LACKS = """
SELECT 1 FROM items WHERE retired_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM item_vectors WHERE item_id = items.id AND model = $1 AND version = $2 AND dimension = $3
) LIMIT 1
"""
_LACKS_INTERESTS = """
SELECT 1 FROM interests JOIN users ON users.id = interests.user_id
WHERE erased_at IS NULL AND users.personalization AND NOT EXISTS (
  SELECT 1 FROM interest_vectors WHERE interest_id = interests.id AND model = $1 AND version = $2 AND dimension = $3
) LIMIT 1
"""
_FORGET = """
DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE model = $1 AND version = $2 LIMIT $3)
"""
_VECTORS = ("item_vectors", "interest_vectors")

log = structlog.get_logger(__name__)


class Maker(Protocol):
    """Makes the vectors that one kind of row lacks in a space, and stores them batch by batch."""

    async def __call__(self, app: App, embeddings: Embeddings, /) -> None:
        """Raises Unavailable, with what was made until then kept."""
        ...


MAKERS: tuple[Maker, ...] = (embed_items, embed_interests)
"""Whatever has vectors. What a space lacks of the last ones when it begins to serve is made by its readers, and, where
the model is slower than these wait, by the job of the next minute."""


async def move(app: App, _: dict[str, Any]) -> None:
    """Make what the spaces lack that living processes were told to use, and let the one that all were told serve.

    What was made is kept, whatever stops it: the job of the next minute goes on. Raises Unavailable.
    """
    now = app.clock.now()
    serving = await ServingSpace.get_or_none(id=1).select_related("space")
    if serving is None:
        return
    await _complete(app, serving.space)
    claimed = EmbeddingSpace.filter(processes__seen_at__gt=now - LIVE).exclude(id=serving.space_id)
    for space in await claimed.distinct().order_by("id"):
        await EmbeddingSpace.filter(id=space.id).update(used_at=now)
        await _make(app, space)
        if await flip(app, serving.space_id, space):
            await app.bus.publish(CHANNEL, "")
            return
    await _complete_interests(app, serving.space)


async def _complete(app: App, space: EmbeddingSpace) -> None:
    """Make what the space that serves lacks: what the catalogue's own job had no time for, once that has ended."""
    lacks = await app.database.rows(_LACKS, [space.model, space.version, space.dimension])
    if lacks and not await Job.filter(kind=PREPARE, due_at__isnull=False).exists():
        await _make(app, space)
        await app.bus.publish(ITEMS_EMBEDDED, "")


async def _complete_interests(app: App, space: EmbeddingSpace) -> None:
    """Make the vectors of interests that the space that serves lacks: readers wait for them for a moment only.

    It comes last: a vendor who is down holds back no flip to another one. Raises Unavailable.
    """
    embeddings = app.spaces.embeddings_of(space)
    lacks = not isinstance(embeddings, Unable) and await app.database.rows(
        _LACKS_INTERESTS, [space.model, space.version, space.dimension]
    )
    if lacks:
        await embed_interests(app, embeddings)


async def _make(app: App, space: EmbeddingSpace) -> None:
    embeddings = app.spaces.embeddings_of(space)
    if not isinstance(embeddings, Unable):  # else a worker does it that was told to
        for make in MAKERS:
            await make(app, embeddings)


async def flip(app: App, old: int, space: EmbeddingSpace) -> bool:
    """Let a space serve in place of the one numbered `old`, if nothing speaks against it; whether it was done."""
    now = app.clock.now()
    values = [space.id, now, now - LIVE, space.model, space.version, space.dimension, old]
    async with app.database.transaction():
        if not await app.database.execute(_FLIP, values):
            return False
        await EmbeddingSpace.filter(id__in=[old, space.id]).update(used_at=now)
    log.info("embeddings.flipped", model=space.model, version=space.version)
    return True


async def forget(app: App, _: dict[str, Any]) -> None:
    """Delete the vectors of spaces that nobody has used for a day, and the signs of processes that are long dead."""
    now = app.clock.now()
    await EmbeddingProcess.filter(seen_at__lt=now - KEPT).delete()
    unused = EmbeddingSpace.filter(used_at__lt=now - KEPT, serving__id__isnull=True, processes__id__isnull=True)
    for space in await unused.order_by("id"):
        for table in _VECTORS:
            statement = _FORGET.format(table=table)
            while await app.database.execute(statement, [space.model, space.version, FORGOTTEN_AT_ONCE]):
                pass
        await space.delete()
        log.info("embeddings.forgotten", model=space.model, version=space.version)
