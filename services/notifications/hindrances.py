"""Whether a letter may go to its mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.mail import DeliveryStatus
    from services.app import App
    from services.notifications.letter import Draft, Topic


async def hindrance(_app: App, _draft: Draft, _topic: Topic) -> DeliveryStatus | None:  # ruff: ignore[unused-async] -- it will ask the database
    """SUPPRESSED or UNWANTED when the letter must not go, else None."""
    return None
