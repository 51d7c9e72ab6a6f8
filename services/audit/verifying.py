"""Going through the whole chain, in constant memory."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from core.errors import PorchlightError
from models.audit import AuditEvent
from services.audit.chaining import Head, link

if TYPE_CHECKING:
    from services.app import App

BATCH = 1000


class BrokenChainError(PorchlightError):
    """An event is not what it was, is missing, or stands where another one stood."""

    message = "The audit log has been changed."


async def verify(app: App, kept: Head | None = None) -> Head:
    """The end of the chain, after every event was found to be what it was when it was chained.

    `kept` is an end that was noted down earlier: the chain must still go through it. Raises BrokenChainError for the
    first event that does not fit.
    """
    end, passed = Head(), kept is None or kept == Head()
    while rows := await AuditEvent.filter(sequence__gt=end.sequence).order_by("sequence").limit(BATCH):
        for row in rows:
            end = _next(app, row, end)
            if kept is not None and kept.sequence == end.sequence:
                passed = hmac.compare_digest(kept.hash.encode(), end.hash.encode())
                if not passed:
                    raise BrokenChainError(f"Event {end.sequence} is not the one whose hash was kept.")
    if await AuditEvent.filter(sequence__lt=1).exists():
        raise BrokenChainError("An event stands before the first one.")
    if not passed:
        raise BrokenChainError(f"The chain ends at {end.sequence}, before the event whose hash was kept.")
    return end


def _next(app: App, row: AuditEvent, end: Head) -> Head:
    expected = link(app, row, end)
    if row.sequence != expected.sequence:
        raise BrokenChainError(f"Event {expected.sequence} is missing.")
    if not hmac.compare_digest((row.hash or "").encode(), expected.hash.encode()):
        raise BrokenChainError(f"Event {expected.sequence} (id {row.id}, {row.action}) is not what was written.")
    return expected
