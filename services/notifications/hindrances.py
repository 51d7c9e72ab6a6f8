"""Why a letter is not sent after all. Asked when it is sent, so that what was said meanwhile counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.mail import DeliveryStatus
from services.notifications import preferences, suppression
from services.notifications.letter import Topic

if TYPE_CHECKING:
    from services.app import App
    from services.notifications.letter import Draft


async def hindrance(app: App, draft: Draft, topic: Topic) -> DeliveryStatus | None:
    """SUPPRESSED or UNWANTED for a letter that must not go to its address, else None.

    No query for SECURITY, one for BILLING, two for others.
    """
    if topic is Topic.SECURITY:
        return None
    if suppression.stops(await suppression.standing(app, draft.mailbox.key), topic):
        return DeliveryStatus.SUPPRESSED
    return None if await preferences.wants(draft.user.id, topic) else DeliveryStatus.UNWANTED
