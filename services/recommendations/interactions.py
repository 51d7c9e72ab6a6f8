"""What people do with items: recorded once each, and felt in the next answer."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from core.errors import BadUserInput, NotFound
from models.recommendations import Interaction, InteractionKind, Item
from services import onboarding
from services.recommendations import outcomes
from services.recommendations.profile.held import change
from services.recommendations.profile.learning import learn_from_deeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App

LARGEST_BATCH = 100
LONGEST_KEY = 100
OLDEST = timedelta(days=90)
"""How far back something may be told to have happened. A moment before that is taken as that long ago."""
RECOMMENDATION = re.compile(r"[A-Za-z0-9_.:=+/-]{1,128}")
"""The form of a recommendation's id. Whose it is matters to what is counted of lists, and not here."""
REFUSALS = frozenset({InteractionKind.DISLIKE, InteractionKind.DISMISS})
"""What is kept of who has opted out: it is a wish, and lists keep to it."""
OPENED = {InteractionKind.CLICK, InteractionKind.SAVE, InteractionKind.COMPLETE}
"""What nobody does with an item that they have not opened."""


@dataclass(frozen=True)
class Event:
    """One thing that somebody did. Without a key it is recorded each time it is told."""

    item_id: int
    kind: InteractionKind
    recommendation: str | None = None
    occurred_at: datetime | None = None
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        key = self.idempotency_key
        if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
            raise BadUserInput(f"idempotencyKey has from 1 to {LONGEST_KEY} printable characters.")
        if self.recommendation is not None and not RECOMMENDATION.fullmatch(self.recommendation):
            raise BadUserInput("recommendationId is none of ours.")


@dataclass(frozen=True)
class Recorded:
    """How many events were new, how many had been told before, and how many are not kept of who has opted out."""

    accepted: int
    duplicates: int
    ignored: int


async def record(app: App, user_id: int, events: Sequence[Event]) -> Recorded:
    """Record all events or none. The next answer, on every process, knows of them.

    They may be told late, again and in any order: what follows from them depends on when they happened alone.
    Raises NotFound for an item that does not exist, BadUserInput, also for the id of a recommendation that was another
    person's or of another item, and Unauthenticated for who has gone.
    """
    if not 1 <= len(events) <= LARGEST_BATCH:
        raise BadUserInput(f"There are from 1 to {LARGEST_BATCH} interactions.")
    for event in events:
        if event.recommendation is not None:
            outcomes.require_own(app, user_id, event.recommendation, event.item_id)
    wanted = {event.item_id for event in events}
    if await Item.filter(id__in=wanted).count() != len(wanted):
        raise NotFound
    async with app.database.transaction():
        user = await change(user_id)
        kept = [event for event in events if user.personalization or event.kind in REFUSALS]
        batch = secrets.token_hex(16)
        accepted = await _insert(app, user_id, kept, batch)
        if accepted and user.personalization:
            await learn_from_deeds(app, user_id)
        if OPENED & {event.kind for event in events}:
            await onboarding.done(app, user_id, onboarding.OPEN_RECOMMENDATION)
        if accepted and any(event.recommendation for event in kept):
            await outcomes.count(app, user, batch)
    if accepted:
        await app.recommendations_changed.publish(str(user_id))
    return Recorded(accepted, len(kept) - accepted, len(events) - len(kept))


async def _insert(app: App, user_id: int, events: Sequence[Event], batch: str) -> int:
    """Write what has not been told before, inside the caller's transaction; how many that were."""
    if not events:
        return 0
    now = app.clock.now()
    rows = [
        Interaction(
            user_id=user_id,
            item_id=event.item_id,
            kind=event.kind,
            recommendation=event.recommendation,
            idempotency_key=event.idempotency_key or secrets.token_hex(16),
            batch=batch,
            occurred_at=_moment(event.occurred_at, now),
            created_at=now,
        )
        for event in events
    ]
    await Interaction.bulk_create(rows, ignore_conflicts=True)
    return await Interaction.filter(user_id=user_id, batch=batch).count()


def _moment(told: datetime | None, now: datetime) -> datetime:
    """When it happened: as told, read as UTC when no zone is told, within `OLDEST` before now and never after it."""
    if told is None:
        return now
    return max(min(told if told.tzinfo else told.replace(tzinfo=UTC), now), now - OLDEST)
