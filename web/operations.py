"""What those who run Porchlight ask: is it alive, is it ready, what does it count, which keys does it sign with."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from core.errors import Unavailable
from services.app import App
from web.answers import json_answer


class Operations:
    """The endpoints, over one app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def healthz(self, _: Request) -> Response:
        """200 while the process answers at all."""
        return json_answer({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """200 while requests can be served; 503 while draining or without the database.

        A lost Redis is told as degraded and does not take the process out of rotation: it serves within bounds.
        """
        app = self._app
        database = "ok"
        try:
            await app.database.ping()
        except (TimeoutError, Unavailable):
            database = "unavailable"
        parts = {
            "database": database,
            "limits": "degraded" if app.limits.degraded else "ok",
            "bus": "degraded" if app.bus.degraded else "ok",
        }
        ready = database == "ok" and not app.draining
        status = "draining" if app.draining else "ready" if ready else "unavailable"
        return json_answer({"status": status, "parts": parts}, 200 if ready else 503)

    async def metrics(self, _: Request) -> Response:
        """Prometheus text."""
        app = self._app
        app.metrics.degraded.labels("limits").set(app.limits.degraded)
        app.metrics.degraded.labels("bus").set(app.bus.degraded)
        app.metrics.countdowns.set(app.countdown.subscribers)
        return Response(generate_latest(app.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def jwks(self, _: Request) -> Response:
        """The public keys that access tokens are verified with."""
        return json_answer(self._app.keys.jwks(), headers={"Cache-Control": "public, max-age=300"})
