"""Topics become interests. One place: whoever must not be learnt about is told apart here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.exceptions import IntegrityError

from core.errors import NotFound
from models.recommendations import Interest, InterestSource, Item
from services.recommendations.catalogue import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App


async def learn(app: App, user_id: int, topics: Sequence[tuple[str, float]], source: InterestSource) -> list[Interest]:
    """Make topics with their weights interests of a user. Those of another source, such as stated ones, stay.

    Raises Unavailable, NotFound when the account has been deleted meanwhile.
    """
    if not topics:
        return []
    space = app.embeddings.space
    vectors = await app.embeddings.embed([topic for topic, _ in topics])
    known: Any = await Item.filter(retired_at=None).distinct().values_list("category", flat=True)
    categories, now = set(known), app.clock.now()
    keys = [normalised(topic) for topic, _ in topics]
    rows = [
        Interest(
            user_id=user_id,
            topic=topic,
            topic_key=key,
            category=category if (category := "-".join(key.split())) in categories else None,
            weight=weight,
            source=source,
            model=space.model,
            version=space.version,
            vector=vector.tobytes(),
            created_at=now,
        )
        for (topic, weight), key, vector in zip(topics, keys, vectors, strict=True)
    ]
    try:
        async with app.database.transaction():
            await Interest.filter(user_id=user_id, source=source, topic_key__in=keys).delete()
            await Interest.bulk_create(rows, ignore_conflicts=True)
    except IntegrityError as error:
        raise NotFound from error
    await app.recommendations_changed.publish(str(user_id))
    return rows
