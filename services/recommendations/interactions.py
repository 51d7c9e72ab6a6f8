"""What people do with items: recorded once each, and felt in the next answer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.errors import BadUserInput, NotFound
from models.recommendations import Interaction, InteractionKind, Item
from services import onboarding
from services.recommendations.profile.held import hold
from services.recommendations.profile.learning import learn_from_deeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.app import App

LARGEST_BATCH = 100
LONGEST_KEY = 100
LONGEST_RECOMMENDATION = 128
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
        if self.idempotency_key is not None and not 0 < len(self.idempotency_key) <= LONGEST_KEY:
            raise BadUserInput(f"idempotencyKey has from 1 to {LONGEST_KEY} characters.")
        if self.recommendation is not None and len(self.recommendation) > LONGEST_RECOMMENDATION:
            raise BadUserInput("recommendationId is none of ours.")


@dataclass(frozen=True)
class Recorded:
    """How many events were new, and how many had been told before."""

    accepted: int
    duplicates: int


async def record(app: App, user_id: int, events: Sequence[Event]) -> Recorded:
    """Record all events or none. Their next answer, on every process, knows of them.

    Raises NotFound for an item that does not exist, BadUserInput.
    """
    if not 1 <= len(events) <= LARGEST_BATCH:
        raise BadUserInput(f"There are from 1 to {LARGEST_BATCH} interactions.")
    wanted = {event.item_id for event in events}
    if await Item.filter(id__in=wanted).count() != len(wanted):
        raise NotFound
    now, batch = app.clock.now(), secrets.token_hex(16)
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
    async with app.database.transaction():
        await hold(user_id)
        await Interaction.bulk_create(rows, ignore_conflicts=True)
        accepted = await Interaction.filter(user_id=user_id, batch=batch).count()
        if accepted:
            await learn_from_deeds(app, user_id)
        if OPENED & {event.kind for event in events}:
            await onboarding.done(app, user_id, onboarding.OPEN_RECOMMENDATION)
    if accepted:
        await app.recommendations_changed.publish(str(user_id))
    return Recorded(accepted, len(events) - accepted)


def _moment(told: datetime | None, now: datetime) -> datetime:
    """When it happened: as told, read as UTC when no zone is told, and never in the future."""
    if told is None:
        return now
    return min(told if told.tzinfo else told.replace(tzinfo=UTC), now)
