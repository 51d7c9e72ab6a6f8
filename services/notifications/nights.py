"""Nights: letters that nobody waits for are not sent while it is night where their reader is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from services import jobs
from services.languages import is_day, next_morning, zone_of
from services.notifications.letter import MANDATORY, SEND, Delivery, Draft, Topic

if TYPE_CHECKING:
    from services.app import App


async def put_off(app: App, delivery: Delivery, draft: Draft, topic: Topic) -> bool:
    """Whether a letter waits for its reader's morning; then another job of the same delivery is written for it.

    What cannot be switched off goes at once: a link, a code, a bill, the word that a card will be charged.
    """
    now, zone = app.clock.now(), zone_of(draft.user.timezone)
    if topic in MANDATORY or is_day(now, zone):
        return False
    morning = next_morning(now, zone)
    last = delivery.payload.get("not_after")
    if last is not None and morning > datetime.fromisoformat(last):
        return False  # at night rather than never
    key = f"{delivery.key}:{morning.isoformat()}"
    await jobs.enqueue(app, SEND, dict(delivery.payload), dedup_key=key, due_at=morning)
    return True
