"""Asking the provider again and again for what must happen in the end: longer than an ordinary job is tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from core.errors import Unavailable
from services import jobs

if TYPE_CHECKING:
    from services.app import App

LADDER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240, 480))
"""How long each failure is waited after; the last step is taken again and again."""
LASTS = timedelta(days=30)
"""After which somebody has to look."""

log = structlog.get_logger(__name__)


async def again(app: App, kind: str, payload: dict[str, Any], subject: str, error: Exception) -> None:
    """Write the job of the next try, in the place of one that has failed; after 30 days say loudly that it is over.

    `subject` tells this work from others of its kind. Each step is a job of its own, with sixteen attempts against a
    worker's death. Done twice, it is done once.
    """
    now, step = app.clock.now(), payload.get("step", 0)
    begun = datetime.fromisoformat(payload.get("begun", now.isoformat()))
    trace = None if isinstance(error, Unavailable) else error
    told = {"kind": kind, "subject": subject, "step": step, "reason": str(error)}
    if now - begun >= LASTS:
        app.metrics.given_up.labels(kind).inc()
        log.error("billing.given_up", **told, exc_info=trace)
        return
    (log.error if trace else log.warning)("billing.tried", **told, exc_info=trace)
    further = payload | {"begun": begun.isoformat(), "step": step + 1}
    due_at = now + LADDER[min(step, len(LADDER) - 1)]
    await jobs.enqueue(app, kind, further, dedup_key=f"{kind}:{subject}:{begun.isoformat()}:{step + 1}", due_at=due_at)
