"""Who looks at an image: the model of the settings where it answers and the budget allows, else the local one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from adapters.openai import NotAsked
from adapters.vision import LocalVision
from core.errors import Unavailable
from services import budgets

if TYPE_CHECKING:
    from adapters.images import Picture
    from adapters.vision import Seen
    from services.app import App

LOCAL = LocalVision()
LEFT_FOR_LOCAL = 0.5
"""Seconds of the deadline that no vendor gets."""

log = structlog.get_logger(__name__)


def was_asked(app: App, seen: Seen) -> bool:
    """Whether this was seen by the model of the settings, and not by what stands in for it."""
    return seen.model == app.vision.model


async def look(app: App, user_id: int, picture: Picture, caption: str, *, ends: float) -> Seen:
    """What the image shows, at the loop's time `ends` at the latest. `model` tells who has looked.

    Whatever may have been billed counts as all that was set aside, also when this is cancelled. Raises
    `adapters.images.Unusable` for what a vendor will not look at.
    """
    if not app.vision.most_tokens:
        return await app.vision.look(picture, caption)
    reserved = await budgets.reserve(app, user_id, app.vision.most_tokens, model=app.vision.model)
    if reserved is None:
        log.info("images.no_budget_left", user_id=user_id)
        return await LOCAL.look(picture, caption)
    spent, written = reserved.tokens, None
    try:
        seen = await app.vision.look(
            picture,
            caption,
            safety_identifier=app.keys.identity("openai", str(user_id)),
            deadline=ends - LEFT_FOR_LOCAL - asyncio.get_running_loop().time(),
        )
        spent, written = seen.tokens, seen.output_tokens
    except Unavailable as error:
        if isinstance(error, NotAsked):
            spent = 0
        log.warning("images.local_stands_in", user_id=user_id)
        return await LOCAL.look(picture, caption)
    finally:
        await budgets.settle(app, reserved, spent, output_tokens=written)
    return seen
