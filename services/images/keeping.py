"""What was seen is kept for a while, so that an image that is sent again costs nothing. The image itself is not.

Each user has their own: whether an image is known, and how fast the answer comes, tells nobody what others have shown.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from adapters.vision import Seen
from models.images import ImageAnalysis
from services.recommendations.profile.held import hold

if TYPE_CHECKING:
    from services.app import App

PRUNE = "images.prune"
KEPT = timedelta(days=30)

_INSERT = """
INSERT INTO image_analyses (user_id, fingerprint, model, prompt_version, tags, confidence, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (user_id, fingerprint, model, prompt_version) DO NOTHING RETURNING id
"""


async def find(app: App, user_id: int, fingerprint: str) -> Seen | None:
    """What the model of the settings has seen in this image before, where it is known."""
    vision = app.vision
    row = await ImageAnalysis.get_or_none(
        user_id=user_id, fingerprint=fingerprint, model=vision.model, prompt_version=vision.prompt_version
    )
    if row is None:
        return None
    return Seen(tuple((tag, weight) for tag, weight in row.tags), row.confidence, row.model, row.prompt_version)


async def keep(app: App, user_id: int, fingerprint: str, seen: Seen) -> bool:
    """Write down what was seen, inside the caller's transaction; false when it is known already.

    Of who has opted out nothing is written down, so that each look is new. Raises Unauthenticated for who has gone.
    """
    if not (await hold(user_id)).personalization:
        return True
    tags, now = json.dumps(seen.tags), app.clock.now()
    values = [user_id, fingerprint, seen.model, seen.prompt_version, tags, seen.confidence, now]
    return bool(await app.database.rows(_INSERT, values))


async def prune(app: App, _: dict[str, Any]) -> None:
    """Forget what was seen a month ago."""
    await ImageAnalysis.filter(created_at__lt=app.clock.now() - KEPT).delete()
