"""Frozen lists: what was recommended once stays in its order while somebody pages through it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson

from core.errors import BadUserInput, Unauthenticated
from models.accounts import User
from models.slates import RecommendationSlate
from services.recommendations.grounds import Ground, GroundKind
from services.recommendations.ranking import Made, Ranked, Strategy

if TYPE_CHECKING:
    from services.app import App
    from services.pages import Page

PRUNE = "recommendations.prune"
LIFETIME = timedelta(hours=1)
"""How long somebody may page through a list. A list that is made again lives on."""
MOST = 20
"""Lists that are kept of one person, the newest: more than anybody pages through at once."""
NUMBERS = 2**31 - 1

_FREEZE = """
INSERT INTO recommendation_slates (user_id, number, strategy, degraded_reason, items, grounds, created_at, expires_at)
SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM users WHERE id = $1 AND personalization_epoch = $9 {lock}
ON CONFLICT (user_id, number) DO UPDATE SET expires_at = excluded.expires_at
RETURNING created_at = $7 AS new
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
class Frozen:
    """A list in its order; the item at index 0 has rank 1. Its number and a rank make a cursor."""

    number: int
    strategy: Strategy
    degraded_reason: str | None
    items: list[Ranked]


async def freeze(app: App, user_id: int, epoch: int, made: Made) -> Frozen:
    """Keep a list for its user. The same list made again is the same: two requests at once get one.

    One statement; for a list that is new another one, which deletes the oldest beyond `MOST`. Raises Outdated when the
    user has opted out, in or erased since that epoch, Unauthenticated for who is gone.
    """
    grounds = list(dict.fromkeys(each.ground for each in made.items))
    numbers = {ground: number for number, ground in enumerate(grounds)}
    items = orjson.dumps([(each.item_id, each.score, numbers[each.ground]) for each in made.items])
    told = orjson.dumps([(ground.kind, ground.topic, ground.item_id) for ground in grounds])
    number = _number(made.strategy.value.encode(), (made.degraded_reason or "").encode(), items, told)
    now = app.clock.now()
    content = [made.strategy.value, made.degraded_reason, items.decode(), told.decode()]
    values = [user_id, number, *content, now, now + LIFETIME, epoch]
    rows = await app.database.rows(_FREEZE.format(lock=_SHARED[app.database.dialect]), values)
    if not rows:
        raise Outdated if await User.exists(id=user_id) else Unauthenticated
    if rows[0]["new"]:
        await app.database.execute(_TRIM.format(lock=_OWN[app.database.dialect]), [user_id, MOST])
    return Frozen(number, made.strategy, made.degraded_reason, made.items)


def unkept(made: Made) -> Frozen:
    """A list that nobody can come back to."""
    return Frozen(0, made.strategy, made.degraded_reason, made.items)


async def thawed(app: App, user_id: int, page: Page) -> Frozen:
    """The list that the page's cursors name. One statement.

    Raises BadUserInput for cursors of two lists, of a list that is over, and of none that was this user's.
    """
    named = {place[1] for place in (page.after, page.before) if place}
    if len(named) > 1:
        raise BadUserInput("after and before are of two lists.")
    row = await RecommendationSlate.get_or_none(user_id=user_id, number=min(named), expires_at__gt=app.clock.now())
    if row is None:
        raise BadUserInput("This list is over: ask for its first page again.")
    grounds = [Ground(GroundKind(kind), topic, item_id) for kind, topic, item_id in row.grounds]
    items = [Ranked(item_id, score, grounds[number]) for item_id, score, number in row.items]
    return Frozen(row.number, Strategy(row.strategy), row.degraded_reason, items)


async def prune(app: App, _: dict[str, Any]) -> None:
    """Delete the lists that are over."""
    await RecommendationSlate.filter(expires_at__lte=app.clock.now()).delete()


def _number(*parts: bytes) -> int:
    digest = hashlib.sha256(b"\0".join(parts)).digest()
    return 1 + int.from_bytes(digest[:8], "big") % NUMBERS
