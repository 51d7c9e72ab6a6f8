"""Keeping what somebody said that they care for: asked for by a mutation, since no query changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.recommendations import Interest, InterestSource
from services.intents.declaring import SlotType
from services.intents.resolving import SURE, resolve
from services.recommendations.profile import learn

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App


async def accept(app: App, user: User, text: str) -> list[Interest]:
    """The interests that `text` states, as they are held now; none when it states none that is sure.

    Their weight is how sure it is. Raises BadUserInput, Unavailable.
    """
    resolved = await resolve(app, text, user)
    intent = app.intents.intents.intents.get(resolved.name)
    if intent is None or not intent.items or resolved.confidence < SURE:
        return []
    kinds = {name: slot.type for name, slot in intent.slots.items()}
    topics = [value for name, value in resolved.slots.items() if kinds[name] in {SlotType.TEXT, SlotType.CATEGORY}]
    if not topics:
        return []
    weighed = [(topic, round(resolved.confidence, 3)) for topic in dict.fromkeys(topics)]
    return await learn(app, user.id, weighed, InterestSource.INTENT)
