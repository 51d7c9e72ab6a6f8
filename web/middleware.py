"""What every request and socket gets: an id, its database, headers, a log line, and an answer whatever happens."""

import re
import secrets
import time
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.app import App
from web.graphql import unexpected

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]

log = structlog.get_logger(__name__)


class Envelope:
    """Pure ASGI: wraps everything that the routes do."""

    def __init__(self, inner: ASGIApp, app: App) -> None:
        self._inner = inner
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        request_id = _request_id(scope)
        structlog.contextvars.clear_contextvars()
        with self._app.database.bound(), structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["type"] == "websocket":
                await self._inner(scope, receive, send)
            else:
                await self._http(scope, receive, send, request_id)

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [
                    *message["headers"], *SECURITY_HEADERS, (b"x-request-id", request_id.encode())
                ]  # fmt: skip
            await send(message)

        try:
            await self._inner(scope, receive, sending)
        except Exception as error:
            if status:
                raise
            await unexpected(error)(scope, receive, sending)
        finally:
            path = scope["path"][:200]
            quiet = status < HTTPStatus.BAD_REQUEST and path in {"/healthz", "/readyz", "/metrics"}
            seconds = time.perf_counter() - started
            (log.debug if quiet else log.info)(
                "http.request", method=scope["method"], path=path, status=status, ms=round(seconds * 1000, 1)
            )


def _request_id(scope: Scope) -> str:
    """The caller's id for this request where it is one that may stand in a log, else one of ours."""
    given = Request({**scope, "type": "http"}).headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
