"""What those who run Porchlight ask: is it alive, is it ready, what does it count, which keys does it sign with."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from services import monitoring
from services.app import App
from web.answers import NO_STORE, json_answer


class Operations:
    """The endpoints, over one app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def healthz(self, _: Request) -> Response:
        """200 while the process answers at all."""
        return json_answer({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """200 while requests can be served; 503 without the database, and while one process drains."""
        told = await monitoring.readiness(self._app)
        status = HTTPStatus.OK if told.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return json_answer({"status": told.status, "parts": told.parts}, status)

    async def metrics(self, _: Request) -> Response:
        """Prometheus text: of all processes of this server."""
        told = await monitoring.exposition(self._app)
        return Response(told, headers=NO_STORE, media_type=monitoring.CONTENT_TYPE)

    async def jwks(self, _: Request) -> Response:
        """The public keys that access tokens are verified with."""
        return json_answer(self._app.keys.jwks(), headers={"Cache-Control": "public, max-age=300"})
