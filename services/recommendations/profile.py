"""What we know of a person's interests: topics they stated, each with its vector."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput
from models.accounts import User
from models.recommendations import Interest, InterestSource, Item
from services import onboarding
from services.recommendations.entries import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App

MAX_TOPICS = 20
LONGEST_TOPIC = 100


async def set_interests(app: App, user_id: int, topics: Sequence[str]) -> list[Interest]:
    """Replace what the user stated. A topic is a category of the catalogue, or any words.

    Raises BadUserInput, Unavailable.
    """
    cleaned = _cleaned(topics)
    space = app.embeddings.space
    vectors = await app.embeddings.embed([topic.replace("-", " ") for topic in cleaned])
    known: Any = await Item.filter(retired_at=None).distinct().values_list("category", flat=True)
    categories: set[str] = set(known)
    now = app.clock.now()
    rows = [
        Interest(
            user_id=user_id,
            topic=topic,
            topic_key=normalised(topic),
            category=category if (category := "-".join(normalised(topic).split())) in categories else None,
            weight=1.0,
            source=InterestSource.STATED,
            model=space.model,
            version=space.version,
            vector=vector.tobytes(),
            created_at=now,
        )
        for topic, vector in zip(cleaned, vectors, strict=True)
    ]
    async with app.database.transaction():
        await User.filter(id=user_id).select_for_update().first()  # statements of one person take turns
        await Interest.filter(user_id=user_id, source=InterestSource.STATED).delete()
        await Interest.bulk_create(
            rows,
            on_conflict=["user_id", "topic_key"],
            update_fields=["topic", "category", "weight", "source", "model", "version", "vector", "created_at"],
        )
        if rows:
            await onboarding.done(app, user_id, onboarding.CHOOSE_INTERESTS)
    await app.recommendations_changed.publish(str(user_id))
    return await interests_of(user_id)


async def interests_of(user_id: int) -> list[Interest]:
    """All interests of a user, the strongest first."""
    return await Interest.filter(user_id=user_id).order_by("-weight", "id")


def _cleaned(topics: Sequence[str]) -> list[str]:
    """Topics in NFKC and trimmed, each once. Raises BadUserInput."""
    if len(topics) > MAX_TOPICS:
        raise BadUserInput(f"There are at most {MAX_TOPICS} topics.")
    found: dict[str, str] = {}
    for topic in topics:
        text = " ".join(unicodedata.normalize("NFKC", topic[: LONGEST_TOPIC * 4]).split())
        if not text or len(text) > LONGEST_TOPIC or not text.isprintable():
            raise BadUserInput(f"A topic has from 1 to {LONGEST_TOPIC} characters, all of them printable.")
        found.setdefault(normalised(text), text)
    return list(found.values())
