"""The profile of a person as it is now, from rows: what was recorded before the question counts in the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters.database import dialect, rows
from core.errors import Unauthenticated
from models.accounts import User
from models.recommendations import InteractionKind, Interest, Item, ItemVector
from services.recommendations.profile.clusters import CLUSTERED, medoids
from services.recommendations.profile.signals import DISLIKED, HISTORY, WANTED, Deed, Past, Story, told
from services.recommendations.profile.topics import key_of

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    from numpy.typing import NDArray

    from services.app import App
    from services.recommendations.profile.signals import Signal


_DEEDS = """
WITH items AS (
    SELECT item_id,
        MAX(CASE WHEN kind IN ({disliked}) THEN occurred_at END) AS against,
        MAX(CASE WHEN kind IN ({wanted}) THEN occurred_at END) AS wanted,
        MAX(CASE WHEN kind NOT IN ({disliked}) THEN occurred_at END) AS liked,
        MAX(CASE WHEN kind = '{complete}' THEN 1 ELSE 0 END) AS finished
    FROM interactions WHERE user_id = $1 GROUP BY item_id
), judged AS (
    SELECT item_id, against, liked, finished,
        CASE WHEN against IS NOT NULL AND (wanted IS NULL OR against >= wanted) THEN 1 ELSE 0 END AS refused
    FROM items
), placed AS (
    SELECT item_id, ROW_NUMBER() OVER (
        PARTITION BY refused ORDER BY CASE WHEN refused = 1 THEN against ELSE liked END DESC, item_id DESC
    ) AS place FROM judged
)
SELECT item_id, kind, MAX(occurred_at) AS at, COUNT(*) AS times, NULL AS ids FROM interactions
WHERE user_id = $1 AND item_id IN (SELECT item_id FROM placed WHERE place <= {history}) GROUP BY item_id, kind
UNION ALL SELECT NULL, 'met', NULL, NULL, {join}(CAST(item_id AS TEXT), ',') FROM judged
UNION ALL SELECT NULL, 'refused', NULL, NULL, {join}(CAST(item_id AS TEXT), ',') FROM judged WHERE refused = 1
UNION ALL SELECT NULL, 'finished', NULL, NULL, {join}(CAST(item_id AS TEXT), ',') FROM judged WHERE finished = 1
"""
"""Which items are the newest is decided as `told` does. Ids come as one text: a row for each took 20 times as long."""


@dataclass(frozen=True)
class Told:
    """What a person did, as far as it may be used: of who has opted out, what they refused and nothing else.

    `epoch` is the person's from before the deeds were read: while it stands, what is made of them may be used.
    """

    personalized: bool
    epoch: int
    story: Story


@dataclass(frozen=True)
class Profile:
    """What is known of a person and may be used.

    `personalized` is false for who has opted out: all but `refused` is empty then. `interests` has the strongest first,
    `history` the newest, `medoids` the most important: up to three items of the history with their parts of its weight.
    `met` are all items that the person has met in any way, `refused` those that they are never shown again,
    `finished` those that they have completed. `epoch` is that of `Told`.
    """

    personalized: bool
    interests: tuple[Interest, ...]
    history: tuple[Signal, ...]
    medoids: tuple[tuple[int, float], ...]
    met: frozenset[int]
    refused: frozenset[int]
    finished: frozenset[int] = frozenset()
    epoch: int = 0


async def profile_of(app: App, user_id: int) -> Profile:
    """The profile now. Costs three statements, one more for who erased a topic; the index holds the vectors.

    Raises Unauthenticated for who has been deleted meanwhile.
    """
    return await profile_by(app, user_id, await told_of(user_id))


async def profile_by(app: App, user_id: int, may: Told) -> Profile:
    """The profile of whose deeds are read already. One statement, one more for who erased a topic."""
    story = may.story
    if not may.personalized:
        of_them: Any = {"met": story.met, "refused": story.refused, "finished": story.finished, "epoch": may.epoch}
        return Profile(personalized=False, interests=(), history=(), medoids=(), **of_them)
    rows = await Interest.filter(user_id=user_id).order_by("-weight", "id")
    history = await _without(story.history, {row.topic_key for row in rows if row.erased_at is not None})
    newest = [signal.item_id for signal in history[:CLUSTERED]]
    vectors = app.items.vector_of(newest) if app.items.ready else await _vectors(app, newest)
    return Profile(
        personalized=True,
        interests=tuple(row for row in rows if row.erased_at is None),
        history=history,
        medoids=medoids([(signal.item_id, signal.weight) for signal in history], vectors),
        met=story.met,
        refused=story.refused,
        finished=story.finished,
        epoch=may.epoch,
    )


async def told_of(user_id: int) -> Told:
    """What the user did, as every page of a list may use it. Two statements. Raises Unauthenticated for who is gone."""
    found: Any = await User.get_or_none(id=user_id).values_list("personalization", "personalization_epoch")
    if found is None:
        raise Unauthenticated
    return await told_by(user_id, *found)


async def told_by(user_id: int, personalized: bool, epoch: int) -> Told:  # ruff: ignore[boolean-type-hint-positional-argument] -- as a row has it
    """The same for whose row is read already. One statement."""
    story = told(await deeds_of(user_id))
    if not personalized:
        story = Story((), story.refusals, frozenset(), story.refused, frozenset())
    return Told(personalized, epoch, story)


async def deeds_of(user_id: int) -> Past:
    """What the user did: one statement, and however much it was, few rows."""
    found = await rows(_deeds(), [user_id])
    newest = tuple(
        Deed(row["item_id"], InteractionKind(row["kind"]), _moment(row["at"]), row["times"])
        for row in found
        if row["item_id"] is not None
    )
    ids = {
        row["kind"]: frozenset(map(int, row["ids"].split(","))) if row["ids"] else frozenset[int]()
        for row in found
        if row["item_id"] is None
    }
    return Past(newest, **ids)


def _deeds() -> str:
    """The statement, in the words of the database that is open."""
    return _DEEDS.format(
        join="group_concat" if dialect() == "sqlite" else "string_agg",
        disliked=_quoted(DISLIKED),
        wanted=_quoted(WANTED),
        complete=InteractionKind.COMPLETE.value,
        history=HISTORY,
    )


def _quoted(kinds: Collection[InteractionKind]) -> str:
    return ", ".join(sorted(f"'{kind.value}'" for kind in kinds))


def _moment(stored: datetime | str) -> datetime:
    """A moment as a raw statement gives it: SQLite knows no dates."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored


async def facts_of(item_ids: Collection[int]) -> dict[int, list[str]]:
    """What each item is about: its category, then its tags."""
    found: Any = await Item.filter(id__in=list(item_ids)).values_list("id", "category", "tags")
    return {item_id: [category, *tags] for item_id, category, tags in found}


async def _without(history: tuple[Signal, ...], erased: set[str]) -> tuple[Signal, ...]:
    """The history less what is about a topic that the person has erased: it is no evidence either."""
    if not erased or not history:
        return history
    facts = await facts_of([signal.item_id for signal in history])
    return tuple(
        signal for signal in history if erased.isdisjoint(key_of(topic) for topic in facts.get(signal.item_id, ()))
    )


async def _vectors(app: App, item_ids: list[int]) -> dict[int, NDArray[np.float32]]:
    """The vectors of these items in the space that serves."""
    import numpy as np  # ruff: ignore[import-outside-top-level] -- start time

    if not item_ids:
        return {}
    space = app.embeddings.space
    rows: Any = await ItemVector.filter(
        item_id__in=item_ids, model=space.model, version=space.version, dimension=space.dimension
    ).values_list("item_id", "vector")
    return {item_id: np.frombuffer(vector, np.float32) for item_id, vector in rows}
