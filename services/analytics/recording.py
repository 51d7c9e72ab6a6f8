"""Writing events, in the transactions of what they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.analytics import Event

if TYPE_CHECKING:
    from datetime import datetime

    from services.analytics.events import Happened
    from services.app import App


def event(happened: Happened, user_id: int, at: datetime) -> Event:
    """An event that is not stored yet: for those who write many at once."""
    return Event(name=happened.name, version=happened.revision, user_id=user_id, at=at, properties=happened.properties)


async def record(app: App, user_id: int, *happened: Happened) -> None:
    """Write what happened to a user, inside the caller's transaction, by one statement."""
    now = app.clock.now()
    await Event.bulk_create([event(each, user_id, now) for each in happened])
