"""What every request and socket gets: an id, its database, headers, a log line, and an answer whatever happens."""

import re
import secrets
import time
from http import HTTPStatus

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schema.errors import failure
from services.app import App
from web.answers import problem
from web.measuring import measure
from web.protection import Protection

MAX_TARGET = 32_768
"""Bytes of a path with its query."""
MAX_HEADERS = 65_536
"""Bytes of all headers."""
MAX_FIELDS = 100
"""Headers. A browser behind two proxies sends some forty."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
SECRET_PATH = re.compile(r"^(/exports/).+", re.DOTALL)
"""Paths that end in a token, which no log may hold."""

log = structlog.get_logger(__name__)


class Envelope:
    """Pure ASGI: wraps everything that the routes do."""

    def __init__(self, inner: ASGIApp, app: App) -> None:
        self._inner = inner
        self._app = app
        self._protection = Protection(app.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        request_id = _request_id(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        with self._app.database.bound():
            if scope["type"] == "websocket":
                await self._inner(scope, receive, send)
            else:
                await self._http(scope, receive, send, request_id)

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = time.perf_counter()
        begun = started
        status, broken = 0, True

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = int(message["status"]), time.perf_counter()
                headers = message["headers"]
                message["headers"] = [*headers, *self._protection.of(headers), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await (_unwelcome(scope) or self._inner)(scope, receive, sending)
            broken = False
        finally:
            measure(self._app, scope, status, begun - started, broken=broken)
            path = SECRET_PATH.sub(r"\1…", scope["path"])[:200]
            quiet = status < HTTPStatus.BAD_REQUEST and path in {"/healthz", "/readyz", "/metrics"}
            seconds = time.perf_counter() - started
            (log.debug if quiet else log.info)(
                "http.request", method=scope["method"], path=path, status=status, ms=round(seconds * 1000, 1)
            )


def _request_id(scope: Scope) -> str:
    """The caller's id for this request where it is one that may stand in a log, else one of ours."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    return secrets.token_hex(8)


def _unwelcome(scope: Scope) -> Response | None:
    """The refusal of a request whose head is too large, or whose address has letters that no eye can see.

    `/metrics%0a` is `/metrics` for a pattern that ends with a `$`, and not for a proxy that keeps it from strangers.
    """
    if not scope["path"].isprintable():
        return problem(HTTPStatus.NOT_FOUND, "NOT_FOUND", HTTPStatus.NOT_FOUND.phrase)
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
        return problem(
            HTTPStatus.REQUEST_URI_TOO_LONG, "BAD_USER_INPUT", f"An address has at most {MAX_TARGET:,} bytes."
        )
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    if len(scope["headers"]) > MAX_FIELDS:
        return problem(status, "BAD_USER_INPUT", f"A request has at most {MAX_FIELDS} headers.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        return problem(status, "BAD_USER_INPUT", f"Headers have at most {MAX_HEADERS:,} bytes.")
    return None


class Faults:
    """Pure ASGI, around the routes: an answer to what no endpoint expected, typed, masked and logged."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._inner(scope, receive, sending)
        except ClientDisconnect:
            log.info("http.client_left")
        except Exception as error:
            if begun:
                raise
            message, extensions = failure(error)
            unavailable = extensions["code"] == "UNAVAILABLE"
            status = HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.INTERNAL_SERVER_ERROR
            await problem(status, detail=message, **extensions)(scope, receive, send)
