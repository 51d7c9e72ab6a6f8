"""The chain: each event's hash covers the event and the hash before it, so that nothing is changed unseen.

A job chains what has been committed, so that those who write events need not wait for each other. The hash is keyed:
who can write the table and lacks SECRET_KEY cannot make one. See docs/security.md for what that does not show.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from core.errors import Unavailable
from models.audit import AuditEvent

if TYPE_CHECKING:
    from services.app import App

CHAIN = "audit.chain"
BATCH = 100
"""Events that are chained in one transaction."""
BATCHES = 200
"""Batches that one job does, so that it ends before its lease; the next one goes on."""
NOTHING = ""
"""What the first event's hash covers in place of the one before it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Head:
    """The last event of the chain. Kept elsewhere, it shows that the end has not been cut off or written anew."""

    sequence: int = 0
    hash: str = NOTHING

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


async def chain(app: App, _: dict[str, Any]) -> None:
    """Give every committed event that has no place in the chain the next one, in the order of their ids.

    An event that was committed later than one with a higher id comes behind it.
    """
    count = 0
    for _batch in range(BATCHES):
        done = await _chain_some(app)
        count += done
        if done < BATCH:
            break
    if count:
        # The log is kept elsewhere than the table: that makes it an anchor of the chain.
        log.info("audit.chained", events=count, head=str(await head()))


async def head() -> Head:
    """Where the chain ends now."""
    last = await AuditEvent.filter(sequence__isnull=False).order_by("-sequence").first()
    return Head(last.sequence or 0, last.hash or NOTHING) if last else Head()


async def waiting() -> tuple[int, datetime | None]:
    """How many events have no place in the chain yet, and when the oldest of them happened."""
    unchained = AuditEvent.filter(sequence=None)
    first = await unchained.order_by("id").first()
    return await unchained.count(), first.at if first else None


def link(app: App, row: AuditEvent, before: Head) -> Head:
    """The place that follows `before`, taken by this event."""
    place = before.sequence + 1
    content = {
        "sequence": place,
        "before": before.hash,
        "id": row.id,
        "action": row.action,
        "actor_id": row.actor_id,
        "user_id": row.user_id,
        "subject": row.subject,
        "ip": row.ip,
        "at": row.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "data": row.data,
    }
    return Head(place, app.keys.identity("audit", json.dumps(content, sort_keys=True, separators=(",", ":"))))


async def _chain_some(app: App) -> int:
    """Chain one batch, all of it or nothing; how many events that was.

    Another worker at the same work is waited for at the rows' locks: afterwards those have their places, and the head
    that is read then is the present one. `sequence` is unique in any case.
    """
    async with app.database.transaction():
        rows = await AuditEvent.filter(sequence=None).order_by("id").limit(BATCH).select_for_update()
        end = await head() if rows else Head()
        for row in rows:
            end = link(app, row, end)
            if not await AuditEvent.filter(id=row.id, sequence=None).update(sequence=end.sequence, hash=end.hash):
                raise Unavailable("Another worker is chaining these events.")
    return len(rows)
