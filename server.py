"""The program: settings from the environment, the application around them, and a server that runs it."""

import asyncio
import re
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from core.clock import Clock
from core.environment import VAR, kept_secret, load_settings
from core.logging import configure_logging
from core.settings import Settings, SettingsError
from resolvers.root import build_schema
from services import demo
from services.app import App, Ports, assemble, opened
from web.routes import build_site
from worker.loop import Worker
from worker.tasks import TASKS

DRAIN_SECONDS = 20
"""How long requests may go on after the signal to stop."""
LARGEST_MESSAGE = 262_144
"""Bytes of a WebSocket message."""


def build_app(settings: Settings, ports: Ports | None = None, clock: Clock | None = None) -> ASGIApp:
    """The ASGI application. Tests hand in other ports and another clock; nothing else differs."""
    return site_of(assemble(settings, ports, clock))


def site_of(app: App) -> ASGIApp:
    """The ASGI application over an app, which is open for as long as the application's lifespan."""

    @asynccontextmanager
    async def running() -> AsyncGenerator[None, None]:
        async with opened(app), working(app):
            yield

    return build_site(app, build_schema(introspection=app.settings.introspection), running)


@asynccontextmanager
async def working(app: App) -> AsyncGenerator[None, None]:
    """Run jobs beside the server where the settings say so; those that have begun are brought to their end."""
    if app.settings.jobs == "external":
        yield
        return
    worker = Worker(app, TASKS)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


class Server(uvicorn.Server):
    """Says at once that it is draining, so that no new traffic is sent while old requests end."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.draining = True
        super().handle_exit(sig, frame)


def create() -> ASGIApp:
    """The application of this process's environment: what each of several workers runs."""
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    return build_app(settings)


def options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told, for one process or several."""
    return {
        "host": settings.host,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "ws": "websockets-sansio",
        "ws_max_size": LARGEST_MESSAGE,
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": 20.0,
        "timeout_graceful_shutdown": DRAIN_SECONDS,
        "h11_max_incomplete_event_size": 65_536,
    }


class ListeningServer(Server):
    """Prints the start screen once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await greet(self._app)


async def greet(app: App) -> None:
    """The start screen: where it answers, what serves each port, whom to sign in as."""
    settings = app.settings
    rows = [
        ("GraphQL", f"{settings.public_url}/graphql"),
        ("WebSocket", f"{settings.public_url.replace('http', 'ws', 1)}/graphql  (graphql-transport-ws)"),
        ("Health", f"{settings.public_url}/readyz  /healthz  /metrics"),
        ("Database", without_password(settings.database_url)),
        ("Limits, bus", without_password(settings.redis_url) if settings.redis_url else "memory:// (this process)"),
        ("Mail", without_password(settings.mail_url)),
        ("Jobs", "in this process" if settings.jobs == "embedded" else "left to `make worker`"),
    ]
    if settings.mail_url.startswith("outbox") and not settings.production:
        rows.insert(6, ("", f"read it at {settings.public_url}/dev/outbox"))
    if not settings.production and settings.loopback:
        with app.database.bound():
            password = kept_secret(VAR / "demo_password", size=12)
            await demo.ensure(app, demo.EMAIL, password)
        rows.append(("Demo account", f"{demo.EMAIL}  {password}"))
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name.ljust(width)}  {value}" for name, value in rows]
    print("\n  Porchlight is on.\n", *lines, "", "  Ctrl-C stops it.\n", sep="\n", flush=True)


def without_password(url: str) -> str:
    """A URL as it may be shown."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:…@", url)


def listening_socket(settings: Settings) -> socket.socket:
    """The socket to serve on. Raises SettingsError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listener.close()
        message = f"PORT: {settings.host}:{settings.port} cannot be had ({error.strerror}); a free port would be right"
        raise SettingsError([message]) from error
    return listener


def serve(settings: Settings) -> None:
    """Run the server until it is told to stop. Raises SettingsError."""
    if settings.workers > 1:
        uvicorn.run("server:create", factory=True, workers=settings.workers, **options(settings))
        return
    listener = listening_socket(settings)
    app = assemble(settings)
    config = uvicorn.Config(site_of(app), **options(settings))
    ListeningServer(config, app).run(sockets=[listener])


def main() -> int:
    """The exit status: 0 after an orderly stop, 2 for wrong settings, 3 when the start failed."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
        serve(settings)
    except SettingsError as error:
        print("Porchlight cannot start with these settings:", *error.problems, sep="\n  ", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
