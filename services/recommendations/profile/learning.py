"""What is learnt of a person's interests: from images and requests as they come, and from all that they did."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.recommendations import InteractionKind, Interest, InterestSource
from services.recommendations.profile.held import categories, change, put, rows_of
from services.recommendations.profile.reading import deeds_of, facts_of
from services.recommendations.profile.signals import told
from services.recommendations.profile.topics import MAX_TOPICS, category_of, key_of, may_take, spelled, strongest
from services.recommendations.profile.vectors import vectors_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.app import App
    from services.recommendations.profile.signals import Story

SHOWN = 10
"""Topics that somebody's deeds show, at most."""
FEWEST = 2
"""Items that have to speak for a topic: one says little of what it has in common with others."""
LEAST = 0.5
"""What the deeds have to say together for a topic: two clicks of late do."""
HALFWAY = 1.5
"""The sum of signals that makes a weight of one half; a weight of 1 is left to who states a topic."""
TAG = 0.5
"""How much a tag counts beside a category: an item has several."""
OPENED = frozenset({InteractionKind.CLICK, InteractionKind.SAVE, InteractionKind.COMPLETE})
"""What a person chooses to do; what is on their screen was chosen for them."""


@dataclass(frozen=True)
class Shown:
    """A topic that deeds show, how much it counts, and the number of items that speak for it."""

    topic: str
    weight: float
    evidence: int


async def learn(app: App, user_id: int, topics: Sequence[tuple[str, float]], source: InterestSource) -> list[Interest]:
    """Add topics with their weights to what is known of the user, and give the rows that they have now.

    Nothing is learnt of who has opted out, nor what they have erased; a weight that they chose, or a statement, stays.
    Of each source the last `MAX_TOPICS` are kept. Raises Unauthenticated for who has gone.
    """
    wanted, known, now = strongest(topics), await categories(), app.clock.now()
    async with app.database.transaction():
        user = await change(user_id)
        if not user.personalization:
            return []
        held = await rows_of(user_id)
        rows = [
            Interest(
                user_id=user_id,
                topic=topic,
                topic_key=key,
                category=category if (category := category_of(key)) in known else None,
                weight=weight,
                source=source,
                created_at=now,
            )
            for key, (topic, weight) in wanted.items()
            if may_take(held.get(key), weight, source)
        ]
        await put(rows)
        taken = {row.topic_key for row in rows}
        older = [row for row in held.values() if row.source is source and not row.erased_at and not row.corrected_at]
        older = sorted((row for row in older if row.topic_key not in taken), key=lambda row: (row.created_at, row.id))
        await Interest.filter(id__in=[row.id for row in older[: max(0, len(older) + len(rows) - MAX_TOPICS)]]).delete()
    found = [row for key, row in (await rows_of(user_id)).items() if key in wanted and row.erased_at is None]
    await vectors_of(app, found)
    if rows:
        await app.recommendations_changed.publish(str(user_id))
    return found


async def learn_from_deeds(app: App, user_id: int) -> None:
    """Bring the interests that deeds show up to date, inside a transaction that holds the user.

    They follow from all deeds together, so that it makes no difference in which order these were told. Costs up to five
    statements.
    """
    story = told(await deeds_of(user_id))
    facts = await facts_of({signal.item_id for signal in (*story.history, *story.refusals)})
    held, now = await rows_of(user_id), app.clock.now()
    mine = {key: row for key, row in held.items() if row.source is InterestSource.BEHAVIOR and not row.erased_at}
    kept = {key for key, row in mine.items() if row.corrected_at}
    taking = {
        key: each
        for key, each in shown(story, facts).items()
        if may_take(held.get(key), each.weight, InterestSource.BEHAVIOR)
    }
    chosen = dict(list(taking.items())[: max(0, SHOWN - len(kept))])
    await Interest.filter(
        id__in=[row.id for key, row in mine.items() if key not in kept and key not in chosen]
    ).delete()
    topics = {topics[0] for topics in facts.values()}
    await put(
        [
            Interest(
                user_id=user_id,
                topic=each.topic,
                topic_key=key,
                category=category if (category := category_of(key)) in topics else None,
                weight=each.weight,
                source=InterestSource.BEHAVIOR,
                evidence=each.evidence,
                created_at=mine[key].created_at if key in mine else now,
            )
            for key, each in chosen.items()
        ]
    )


def shown(story: Story, facts: Mapping[int, Sequence[str]]) -> dict[str, Shown]:
    """Topics that a story shows, by their keys, the strongest first.

    `facts` has the topics of each item, its category first. What is refused speaks against all that it is about.
    """
    sums: dict[str, float] = defaultdict(float)
    items: dict[str, int] = defaultdict(int)
    names: dict[str, str] = {}
    for sign, signals in ((1.0, story.history), (-1.0, story.refusals)):
        for signal in signals:
            about = facts.get(signal.item_id, ())
            for key, (topic, part) in _parts(about).items():
                names.setdefault(key, topic)
                sums[key] += sign * part * signal.weight
                items[key] += signal.kind in OPENED
    found = {
        key: Shown(names[key], round(total / (total + HALFWAY), 6), items[key])
        for key, total in sums.items()
        if total >= LEAST and items[key] >= FEWEST
    }
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].weight, pair[0])))


def _parts(about: Sequence[str]) -> dict[str, tuple[str, float]]:
    """Name and part of each topic of an item, by key: a tag that repeats the category is the category."""
    parts: dict[str, tuple[str, float]] = {}
    for place, topic in enumerate(about):
        text = spelled(topic.replace("-", " "))
        if text:
            parts.setdefault(key_of(text), (text, TAG if place else 1.0))
    return parts
