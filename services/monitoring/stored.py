"""What the shared tables tell of work that waits. All processes would say the same: whoever is asked says it once."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from tortoise.functions import Count

from models.billing import WebhookEvent, WebhookState
from models.jobs import Job
from services import jobs, schedule
from services.billing.working import NOBODY_HERE
from services.monitoring.readiness import DEADLINE

if TYPE_CHECKING:
    from services.app import App

KEPT = 5.0
"""Real seconds for which an answer stands: asking often asks the database no oftener."""
DEAD_KEPT = 600.0
"""The same for dead letters, which are counted among all jobs of a week: no index leads to them."""
WAITING = (WebhookState.RECEIVED, WebhookState.PARKED, WebhookState.DEAD)

log = structlog.get_logger(__name__)


class _Figures:
    """The metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.database = self._gauge(
            "porchlight_database_up", "1 where the database has answered within two seconds, else 0."
        )
        self.oldest = self._gauge("porchlight_oldest_job_seconds", "How long the longest-waiting due job has waited.")
        self.jobs = self._gauge(
            "porchlight_jobs_waiting",
            "Jobs by what they wait for: due (a worker), retrying (their next attempt), dead (somebody who looks).",
            "state",
        )
        self.inbox = self._gauge(
            "porchlight_inbox_events",
            "Events of the payment provider that are not done, by state, without those about customers of nobody here.",
            "state",
        )
        self.inbox_age = self._gauge(
            "porchlight_inbox_age_seconds", "How long the longest-waiting event of the payment provider has waited."
        )
        self.schedule_age = self._gauge(
            "porchlight_schedule_last_success_age_seconds",
            "How long ago recurring work was last done, by kind.",
            "kind",
        )
        self.schedule_every = self._gauge(
            "porchlight_schedule_every_seconds", "How often recurring work is to be done, by kind.", "kind"
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)


@dataclass
class Stored:
    """What was last told, and when. One for each app."""

    told: bytes = b""
    told_at: float = -math.inf
    dead: float = math.nan
    dead_at: float = -math.inf
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def exposition(self, app: App) -> bytes:
        """Prometheus text, a few seconds old at most. Figures are missing, or no numbers, where nobody can tell."""
        async with self.asking:
            if monotonic() - self.told_at >= KEPT:
                self.told = generate_latest((await self._look(app)).registry)
                self.told_at = monotonic()
            return self.told

    async def _look(self, app: App) -> _Figures:
        figures = _Figures()
        figures.oldest.set(math.nan)
        try:
            async with asyncio.timeout(DEADLINE):
                await _look_at_work(app, figures)
                await _look_at_schedule(app, figures)
        except Exception as error:  # ruff: ignore[blind-except] -- the other figures are told all the same
            log.warning("database.unavailable", error=str(error))
        else:
            figures.jobs.labels("dead").set(await self._dead())
        return figures

    async def _dead(self) -> float:
        if monotonic() - self.dead_at >= DEAD_KEPT:
            self.dead_at = monotonic()
            try:
                async with asyncio.timeout(DEADLINE):
                    self.dead = await Job.filter(dead_at__isnull=False).count()
            except Exception as error:  # ruff: ignore[blind-except] -- as above
                log.warning("jobs.not_counted", error=str(error))
                self.dead = math.nan
        return self.dead


async def _look_at_work(app: App, figures: _Figures) -> None:
    now = app.clock.now()
    figures.oldest.set(await jobs.oldest_due(app))
    figures.database.set(1)  # also where counting all that waits takes too long
    figures.jobs.labels("due").set(await Job.filter(due_at__lte=now).count())
    figures.jobs.labels("retrying").set(await Job.filter(due_at__gt=now, lease__isnull=True, attempts__gt=0).count())
    oldest = await WebhookEvent.filter(state=WebhookState.RECEIVED).order_by("id").first()
    figures.inbox_age.set((now - oldest.received_at).total_seconds() if oldest else 0.0)
    waiting = WebhookEvent.filter(state__in=WAITING, error__not=NOBODY_HERE)
    counting = waiting.annotate(count=Count("id")).group_by("state").values("state", "count")
    counts = {row["state"]: row["count"] for row in await counting}
    for state in WAITING:
        figures.inbox.labels(state.lower()).set(counts.get(state, 0))


async def _look_at_schedule(app: App, figures: _Figures) -> None:
    for row in await schedule.overview(app):
        age = (app.clock.now() - row.succeeded_at).total_seconds() if row.succeeded_at else math.inf
        figures.schedule_age.labels(row.kind).set(age)
        figures.schedule_every.labels(row.kind).set(row.every)
