"""What a worker of its own answers: is it alive, is it ready, what does it count. Nothing else listens there."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services import monitoring

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Generator

    from starlette.requests import Request

    from services.app import App

OPTIONS: dict[str, Any] = {
    "lifespan": "off",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "timeout_graceful_shutdown": 1,
}
NO_STORE = {"Cache-Control": "no-store"}


class _Server(uvicorn.Server):
    """Leaves signals to the worker: what has begun is brought to its end first."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def answering(app: App, listener: socket.socket | None) -> AsyncGenerator[None]:
    """Answer for as long as the context lasts; None answers nowhere."""
    if listener is None:
        yield
        return
    server = _Server(uvicorn.Config(_site(app), **OPTIONS))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _site(app: App) -> Starlette:
    async def healthz(_: Request) -> Response:  # ruff: ignore[unused-async] -- else it would run in a thread
        return JSONResponse({"status": "ok"}, headers=NO_STORE)

    async def readyz(_: Request) -> Response:
        with app.database.bound():
            told = await monitoring.readiness(app)
        content = {"status": told.status, "parts": told.parts}
        return JSONResponse(content, 200 if told.ready else 503, NO_STORE)

    async def metrics(_: Request) -> Response:
        with app.database.bound():
            return Response(await monitoring.exposition(app), media_type=monitoring.CONTENT_TYPE)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])
