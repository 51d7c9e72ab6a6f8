"""What a person says of their own interests: which they have, how much each counts, and which are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import BadUserInput, NotFound
from models.recommendations import Interest, InterestSource
from services import onboarding
from services.recommendations.profile.held import categories, change, put, rows_of
from services.recommendations.profile.topics import category_of, cleaned
from services.recommendations.profile.vectors import vectors_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App

STATED = 1.0
"""The weight of a plain statement."""
ERASED_KEPT = 200
"""Topics that a person has erased, of which is known that they are not to be learnt: the last ones."""
EMBED_WITHIN = 3.0
"""Seconds that a statement waits for its vectors. Without them it stands all the same: readers make them."""


async def interests_of(user_id: int) -> list[Interest]:
    """All interests of a user, the strongest first."""
    return await Interest.filter(user_id=user_id, erased_at=None).order_by("-weight", "id")


async def set_interests(app: App, user_id: int, topics: Sequence[str]) -> list[Interest]:
    """Replace what the user stated, and nothing else. A topic is a category of the catalogue, or any words.

    A weight that the user has chosen stays. What was erased is an interest again. Of who has opted out nothing is given
    to the embeddings, and of others what is stated now alone. Raises BadUserInput.
    """
    wanted, known, now = cleaned(topics), await categories(), app.clock.now()
    async with app.database.transaction():
        user = await change(user_id)
        held = {key: row for key, row in (await rows_of(user_id)).items() if row.erased_at is None}
        gone = [row.id for key, row in held.items() if row.source is InterestSource.STATED and key not in wanted]
        await Interest.filter(id__in=gone).delete()
        rows = [
            Interest(
                user_id=user_id,
                topic=topic,
                topic_key=key,
                category=category if (category := category_of(key)) in known else None,
                weight=held[key].weight if key in held and held[key].corrected_at else STATED,
                source=InterestSource.STATED,
                created_at=now,
                corrected_at=held[key].corrected_at if key in held else None,
            )
            for key, topic in wanted.items()
        ]
        await put(rows)
        if rows:
            await onboarding.done(app, user_id, onboarding.CHOOSE_INTERESTS)
    found = await interests_of(user_id)
    if user.personalization:
        await vectors_of(app, [row for row in found if row.topic_key in wanted], deadline=EMBED_WITHIN)
    await app.recommendations_changed.publish(str(user_id))
    return found


async def weigh_interest(app: App, user_id: int, topic: str, weight: float) -> list[Interest]:
    """Let an interest count as much as the user says, above 0 and at most 1, whatever is learnt later.

    Raises BadUserInput, and NotFound for a topic that is none of the user's interests.
    """
    if not 0 < weight <= 1:
        raise BadUserInput("weight is above 0 and at most 1.")
    [key] = cleaned([topic])
    async with app.database.transaction():
        await change(user_id)
        mine = Interest.filter(user_id=user_id, topic_key=key, erased_at=None)
        if not await mine.update(weight=weight, corrected_at=app.clock.now()):
            raise NotFound
    await app.recommendations_changed.publish(str(user_id))
    return await interests_of(user_id)


async def remove_interest(app: App, user_id: int, topic: str) -> list[Interest]:
    """Erase a topic, wherever it came from, and learn it no more until the user states it. Raises BadUserInput."""
    [(key, text)] = cleaned([topic]).items()
    now = app.clock.now()
    async with app.database.transaction():
        await change(user_id)
        held = await rows_of(user_id)
        erased = sorted((row for row in held.values() if row.erased_at), key=lambda row: (row.erased_at, row.id))
        going = [row.id for row in erased if row.topic_key != key][: -(ERASED_KEPT - 1)]
        going += [held[key].id] if key in held else []
        await Interest.filter(id__in=going).delete()  # and its vectors with it
        await Interest.create(
            user_id=user_id,
            topic=text,
            topic_key=key,
            weight=0.0,
            source=held[key].source if key in held else InterestSource.STATED,
            created_at=held[key].created_at if key in held else now,
            erased_at=now,
        )
    await app.recommendations_changed.publish(str(user_id))
    return await interests_of(user_id)
