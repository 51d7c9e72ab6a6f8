"""Why a letter is not sent after all. Asked when it is sent, so that what was said meanwhile counts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from services.notifications import preferences, suppression
from services.notifications.letter import Topic

if TYPE_CHECKING:
    from services.app import App


class Hindrance(StrEnum):
    """What keeps a letter back."""

    SUPPRESSED = "SUPPRESSED"
    """The address bounces, or its reader has complained."""
    UNWANTED = "UNWANTED"
    """The user has switched the topic off."""


async def hindrance(app: App, *, user_id: int, address_key: str, topic: Topic) -> Hindrance | None:
    """What keeps a letter of this topic from this address. No query for SECURITY, one for BILLING, two for others."""
    if topic is Topic.SECURITY:
        return None
    if suppression.stops(await suppression.standing(app, address_key), topic):
        return Hindrance.SUPPRESSED
    return None if await preferences.wants(user_id, topic) else Hindrance.UNWANTED
