"""What those who run Porchlight ask: is it alive, is it ready, what does it count, which keys does it sign with."""

import asyncio
import math
import sys

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from services import jobs, schedule
from services.app import App
from web.answers import NO_STORE, json_answer

DEADLINE = 2.0
"""Seconds that the database has for a figure."""
BREAKER = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
"""What the metric says of a breaker's state."""

log = structlog.get_logger(__name__)


class Operations:
    """The endpoints, over one app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def healthz(self, _: Request) -> Response:
        """200 while the process answers at all."""
        return json_answer({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """200 while requests can be served; 503 without the database, and while one process drains.

        A lost Redis, or a vendor that is left alone, is told as degraded and does not take the process out of rotation:
        it serves within bounds.
        """
        app = self._app
        try:
            await app.database.ping(deadline=DEADLINE)
        except Exception as error:  # ruff: ignore[blind-except] -- whatever it is, requests cannot be served
            log.warning("database.unavailable", error=str(error))
            database = "unavailable"
        else:
            database = "ok"
        parts = {
            "database": database,
            "limits": "degraded" if app.limits.degraded else "ok",
            "bus": "degraded" if app.bus.degraded else "ok",
            "breaches": "degraded" if app.breaches.degraded else "ok",
            "payments": "degraded" if app.payments.degraded else "ok",
            "recommendations": "ok" if app.items.ready else "preparing",
            "vectors": "degraded" if app.vectors.degraded else "ok",
        }
        if app.ports.openai:
            parts["openai"] = "ok" if app.ports.openai.breaker.state == "closed" else "degraded"
        ready = database == "ok" and not app.draining
        status = "draining" if app.draining else "ready" if ready else "unavailable"
        return json_answer({"status": status, "parts": parts}, 200 if ready else 503)

    async def metrics(self, _: Request) -> Response:
        """Prometheus text."""
        app = self._app
        app.metrics.degraded.labels("limits").set(app.limits.degraded)
        app.metrics.degraded.labels("bus").set(app.bus.degraded)
        app.metrics.degraded.labels("breaches").set(app.breaches.degraded)
        app.metrics.degraded.labels("payments").set(app.payments.degraded)
        app.metrics.degraded.labels("embeddings").set(not app.spaces.able)
        if app.ports.openai:
            app.metrics.breaker.labels("openai").set(BREAKER[app.ports.openai.breaker.state])
        app.metrics.degraded.labels("vectors").set(app.vectors.degraded)
        app.metrics.items_age.set(app.items.age)
        app.metrics.countdowns.set(app.countdown.subscribers)
        app.metrics.tasks.set(len(asyncio.all_tasks()))
        app.metrics.blocks.set(sys.getallocatedblocks())
        app.metrics.oldest_job.set(await self._oldest_job())
        await self._tell_schedule()
        return Response(generate_latest(app.metrics.registry), headers=NO_STORE, media_type=CONTENT_TYPE_LATEST)

    async def _oldest_job(self) -> float:
        """How late the jobs are, in seconds; not a number while the database cannot tell."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await jobs.oldest_due(self._app)
        except Exception as error:  # ruff: ignore[blind-except] -- the other figures are told all the same
            log.warning("database.unavailable", error=str(error))
            return math.nan

    async def _tell_schedule(self) -> None:
        """How long ago recurring work was last done: for ever, where it never was. Nothing while nobody can tell."""
        app = self._app
        app.metrics.schedule_age.clear()
        try:
            async with asyncio.timeout(DEADLINE):
                known = await schedule.overview(app)
        except Exception as error:  # ruff: ignore[blind-except] -- the other figures are told all the same
            log.warning("database.unavailable", error=str(error))
            return
        for row in known:
            age = (app.clock.now() - row.succeeded_at).total_seconds() if row.succeeded_at else math.inf
            app.metrics.schedule_age.labels(row.kind).set(age)

    async def jwks(self, _: Request) -> Response:
        """The public keys that access tokens are verified with."""
        return json_answer(self._app.keys.jwks(), headers={"Cache-Control": "public, max-age=300"})
