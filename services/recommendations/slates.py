"""Frozen lists: what was recommended once stays in its order while somebody pages through it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from adapters.database import delete_in_parts
from core.errors import Unauthenticated
from models.accounts import User
from models.slates import RecommendationSlate
from services.recommendations.standing import Frozen

if TYPE_CHECKING:
    from services.app import App
    from services.recommendations.ranking import Made

PRUNE = "recommendations.prune"
LIFETIME = timedelta(hours=1)
"""How long somebody may page through a list. A list that is made again lives on."""
MOST = 20
"""Lists that are kept of one person, the newest: more than anybody pages through at once."""
NUMBERS = 2**31 - 1

_FREEZE = """
INSERT INTO recommendation_slates (
    user_id, number, strategy, degraded_reason, items, grounds, created_at, expires_at, made_at,
    taste, revision, basis, excludes_seen
)
SELECT id, $2, $3, $4, $5, $6, $7, $8, $7, $10, $11, $12, $13
FROM users WHERE id = $1 AND personalization_epoch = $9 {lock}
ON CONFLICT (user_id, number) DO UPDATE SET expires_at = excluded.expires_at, made_at = excluded.made_at,
    taste = excluded.taste, revision = excluded.revision, basis = excluded.basis,
    excludes_seen = excluded.excludes_seen
RETURNING created_at = $7, (SELECT number FROM catalogue_revisions WHERE id = 1)
"""
_SHARED = {"postgres": "FOR SHARE", "sqlite": ""}
"""Lets a "no" that is being written come before the list, which is not kept then, or after it, and delete it."""
_TRIM = """
WITH old AS (
    SELECT id FROM recommendation_slates WHERE id IN (
        SELECT id FROM recommendation_slates WHERE user_id = $1
        ORDER BY expires_at DESC, id DESC LIMIT 2147483647 OFFSET $2
    ) ORDER BY id {lock}
)
DELETE FROM recommendation_slates WHERE id IN (SELECT id FROM old)
"""
_OWN = {"postgres": "FOR UPDATE", "sqlite": ""}
"""In one order for everybody, so that no two who trim wait for each other."""


class Outdated(Exception):
    """What the list was made of may not be used any more."""


@dataclass(frozen=True)
class Origin:
    """What a list was made of, in numbers: the owner's epoch and taste from before anything else of them was read.

    With `revision` and `basis` it may be shown again, see `RecommendationSlate`; where these are None it is not.
    """

    epoch: int
    taste: int
    excludes_seen: bool
    revision: int | None = None
    basis: str | None = None


async def freeze(app: App, user_id: int, origin: Origin, made: Made) -> tuple[Frozen, int]:
    """Keep a list for its user; and the number of the catalogue's last change.

    The same list made again is the same: two requests at once get one. Of a list that is made of less than is known by
    now the taste says so. One statement; for a list that is new another one, which deletes the oldest beyond `MOST`.
    Raises Outdated when the user has opted out, in or erased since that epoch, Unauthenticated for who is gone.
    """
    frozen = unkept(made)
    items = orjson.dumps(frozen.items)
    told = orjson.dumps([(ground.kind, ground.topic, ground.item_id) for ground in frozen.grounds])
    number = _number(made.strategy.value.encode(), (made.degraded_reason or "").encode(), items, told)
    now = app.clock.now()
    content = [made.strategy.value, made.degraded_reason, items.decode(), told.decode()]
    values = [user_id, number, *content, now, now + LIFETIME, origin.epoch]
    values += [origin.taste, origin.revision, origin.basis, origin.excludes_seen]
    rows = await app.database.records(_FREEZE.format(lock=_SHARED[app.database.dialect]), values)
    if not rows:
        raise Outdated if await User.exists(id=user_id) else Unauthenticated
    new, catalogue = rows[0]
    if new:
        await app.database.execute(_TRIM.format(lock=_OWN[app.database.dialect]), [user_id, MOST])
    return Frozen(number, made.strategy, made.degraded_reason, frozen.items, frozen.grounds), catalogue or 0


def unkept(made: Made) -> Frozen:
    """A list that nobody can come back to."""
    grounds = list(dict.fromkeys(each.ground for each in made.items))
    numbers = {ground: number for number, ground in enumerate(grounds)}
    items = [(each.item_id, each.score, numbers[each.ground]) for each in made.items]
    return Frozen(0, made.strategy, made.degraded_reason, items, grounds)


async def prune(app: App, _: dict[str, Any]) -> None:
    """Delete the lists that are over."""
    await delete_in_parts(RecommendationSlate.filter(expires_at__lte=app.clock.now()))


def _number(*parts: bytes) -> int:
    digest = hashlib.sha256(b"\0".join(parts)).digest()
    return 1 + int.from_bytes(digest[:8], "big") % NUMBERS
