"""Whether a process can serve, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from services.app import App

DEADLINE = 2.0
"""Seconds that the database has for an answer."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Readiness:
    """Whether requests can be served, in a word, and how each part does."""

    ready: bool
    status: str
    parts: dict[str, str]


async def readiness(app: App) -> Readiness:
    """Ready while requests can be served: not without the database, and not while the process drains.

    A lost Redis, or a vendor that is left alone, is told as degraded and does not take the process out of rotation:
    it serves within bounds.
    """
    try:
        await app.database.ping(deadline=DEADLINE)
    except Exception as error:  # ruff: ignore[blind-except] -- whatever it is, requests cannot be served
        log.warning("database.unavailable", error=str(error))
        database = "unavailable"
    else:
        database = "ok"
    parts = {
        "database": database,
        "limits": _said(app.limits.degraded),
        "bus": _said(app.bus.degraded),
        "breaches": _said(app.breaches.degraded),
        "payments": _said(app.payments.degraded),
        "recommendations": "ok" if app.items.ready else "preparing",
        "vectors": _said(app.vectors.degraded),
    }
    if app.ports.openai:
        parts["openai"] = _said(app.ports.openai.breaker.state != "closed")
    ready = database == "ok" and not app.draining
    return Readiness(ready, "draining" if app.draining else "ready" if ready else "unavailable", parts)


def _said(degraded: object) -> str:
    return "degraded" if degraded else "ok"
