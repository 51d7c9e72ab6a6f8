"""The program: settings from the environment, the application around them, and a server that runs it."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from core import program
from core.clock import Clock
from core.environment import VAR, kept_secret, load_settings
from core.listening import bound_socket, having
from core.logging import configure_logging
from core.setting_values import shown
from core.settings import Settings
from resolvers.root import Schema, build_schema
from services import demo, recommendations
from services.app import App, assemble, open_app, opened
from services.monitoring import Siblings, own
from services.ports import Ports
from web.draining import heeding_signals
from web.http_protocol import HTTPProtocol
from web.routes import build_site
from web.sockets.protocol import WebSocketProtocol
from web.trusted import trusted_documents
from worker.loop import Worker
from worker.schedule import SCHEDULE
from worker.tasks import TASKS

DRAIN_SECONDS = 20
"""How long requests may go on after the signal to stop."""
LAST_WORD_SECONDS = 1.0
"""How long connections that came in at the last moment have, to say what they want."""
DEAF_SECONDS = 20
"""How long one of several processes may be silent before the first one replaces it. Its imports take some of that."""
LARGEST_MESSAGE = 262_144
"""Bytes of a WebSocket message."""
COLLECTED_AFTER = (5_000, 80, 50)
"""When Python looks for cycles. With its own thresholds that is more than half the work of 10,000 open countdowns."""
SWITCHED_AFTER = 0.0005
"""Seconds for which a thread that computes may keep Python's lock from the loop. Python's own 5 ms would be felt."""


SIBLINGS = "PORCHLIGHT_SIBLINGS"
"""What tells the processes of a server the folder in which they find each other. The server sets it for them."""


def build_app(settings: Settings, ports: Ports | None = None, clock: Clock | None = None) -> ASGIApp:
    """The ASGI application. Tests hand in other ports and another clock; nothing else differs."""
    return site_of(assemble(settings, ports, clock))


def site_of(app: App, *around: Callable[[App], AbstractAsyncContextManager[None]]) -> ASGIApp:
    """The ASGI application over an app, which is open for as long as the application's lifespan, as is `around`."""

    @asynccontextmanager
    async def running() -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            for part in (opened, working, *around):
                await stack.enter_async_context(part(app))
            yield

    return build_site(app, schema_of(app.settings), running)


def schema_of(settings: Settings) -> Schema:
    """The schema as the settings want it to answer."""
    return build_schema(introspection=settings.introspection, compiled=settings.graphql_executor == "compiled")


@asynccontextmanager
async def working(app: App) -> AsyncGenerator[None, None]:
    """Run jobs beside the server where the settings say so; those that have begun are brought to their end."""
    if app.settings.jobs == "external":
        yield
        return
    worker = Worker(app, TASKS, schedule=SCHEDULE)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


class Server(uvicorn.Server):
    """Says at once that it is draining, so that no new traffic is sent while old requests end."""

    def __init__(self, config: uvicorn.Config, app: App, screen: str = "") -> None:
        super().__init__(config)
        self._app = app
        self._screen = screen

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        with having(self._app.settings.host, self._app.settings.port):
            for listener in sockets or []:
                listener.listen()
        await super().startup(sockets)
        print(self._screen, end="", flush=True)
        await warm(self._app)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take signals while it serves. Uvicorn raises them again afterwards; here an orderly stop has the status 0."""
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.draining = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give notice, take what still comes meanwhile, and end once all of it is answered (ADR 0062)."""
        self._app.stopping.set()
        if notice := self._app.settings.drain_notice:
            await self._serve_for(notice)
            for server in self.servers:
                server.close()
            for listener in sockets or []:
                listener.close()
            await self._serve_for(LAST_WORD_SECONDS, while_connected=True)
        await super().shutdown(sockets)

    async def _serve_for(self, seconds: float, *, while_connected: bool = False) -> None:
        """Go on for so long; no longer once a second signal has come or, if so said, nobody is connected."""
        for tick in range(round(seconds * 10)):
            if len(self._captured_signals) > 1 or (while_connected and not self.server_state.connections):
                return
            await self.on_tick(tick)
            await asyncio.sleep(0.1)


async def warm(app: App) -> None:
    """Load what would take a part of the first question's deadline: the model, and the import of OpenAI's client."""
    await app.spaces.warm()
    if app.ports.openai:
        await app.ports.openai.open()


@asynccontextmanager
async def warmed(app: App) -> AsyncGenerator[None, None]:
    """One of several processes makes itself ready as it begins, before anybody asks it."""
    await warm(app)
    yield


def end_with(parent: BaseProcess) -> None:
    """Stop this process in order when the one that started it is gone: it would go on with nobody to tell it to end."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def create() -> ASGIApp:
    """The application of this process's environment: what each of several workers runs."""
    if parent := parent_process():
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    tune_interpreter()
    app = assemble(settings)
    if folder := os.environ.get(SIBLINGS):
        app.siblings = Siblings(Path(folder), partial(own, app))
    return site_of(app, heeding_signals, warmed)


def options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told, for one process or several."""
    return {
        "host": settings.host,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "http": HTTPProtocol,
        "ws": WebSocketProtocol,
        "ws_max_size": LARGEST_MESSAGE,
        "ws_per_message_deflate": False,  # a tick is smaller than what compressing it costs, and each socket's window
        "ws_ping_interval": 45.0,  # proxies cut what is silent for a minute; 10,000 pings cost as much as ticks do
        "ws_ping_timeout": 20.0,
        "timeout_graceful_shutdown": DRAIN_SECONDS,
        "timeout_worker_healthcheck": DEAF_SECONDS,
    }


def tune_interpreter() -> None:
    """Have Python serve many at a time: rarely looking for cycles, and not held up by threads."""
    gc.set_threshold(*COLLECTED_AFTER)
    sys.setswitchinterval(SWITCHED_AFTER)


async def start_screen(app: App) -> str:
    """Where it answers, what serves each port, whom to sign in as: the demo account is made if need be."""
    settings = app.settings
    rows = [
        ("GraphQL", f"{settings.public_url}/graphql"),
        ("WebSocket", f"{settings.public_url.replace('http', 'ws', 1)}/graphql  (graphql-transport-ws)"),
        ("Health", f"{settings.public_url}/readyz  /healthz  /metrics"),
        ("Database", shown(settings.database_url)),
        ("Limits, bus", shown(settings.redis_url) if settings.redis_url else "memory:// (this process)"),
        ("Mail", shown(settings.mail_url)),
    ]
    if settings.mail_url.startswith("outbox") and not settings.production:
        rows.append(("", f"read it at {settings.public_url}/dev/outbox"))
    rows += [("Embeddings", shown(settings.embeddings_url)), ("Vectors", shown(settings.vectors_url))]
    rows.append(("Jobs", "in this process" if settings.jobs == "embedded" else "left to `make worker`"))
    if settings.workers > 1:
        rows.append(("Processes", str(settings.workers)))
    if has_demo(settings):
        password = kept_secret(VAR / "demo_password", size=12)
        await demo.ensure(app, demo.EMAIL, password)
        rows.append(("Demo account", f"{demo.EMAIL}  {password}"))
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name.ljust(width)}  {value}" for name, value in rows]
    return "\n".join(["\n  Porchlight is on.\n", *lines, "", "  Ctrl-C stops it.\n\n"])


def has_demo(settings: Settings) -> bool:
    """Whether there is a demo account: only where database and mail are embedded, and nobody else can come in."""
    embedded = settings.database_url.startswith("sqlite") and settings.mail_url.startswith("outbox")
    return embedded and settings.loopback and not settings.production


def serve(settings: Settings) -> int:
    """Serve until told to stop; the exit status. Raises SettingsError, Unavailable, SchemaOutdatedError."""
    with bound_socket(settings.host, settings.port) as listener:
        if settings.workers == 1:
            config = uvicorn.Config("", **options(settings))
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(serve_here(settings, listener))
            return 0
        asyncio.run(prepare(settings))
        return serve_in_several(settings, listener)


async def serve_here(settings: Settings, listener: socket.socket) -> None:
    """Serve in this process."""
    tune_interpreter()
    app = assemble(settings)
    async with opened(app), working(app):
        await recommendations.announce(app)
        site = build_site(app, schema_of(settings), nullcontext)
        config = uvicorn.Config(site, **options(settings))
        await Server(config, app, await start_screen(app)).serve([listener])


async def prepare(settings: Settings) -> None:
    """See to it that several processes can start, so that none of them fails alone, and print the start screen."""
    trusted_documents(settings, build_schema(introspection=settings.introspection))
    async with open_app(settings) as app:
        await recommendations.announce(app)
        print(await start_screen(app), end="", flush=True)


def serve_in_several(settings: Settings, listener: socket.socket) -> int:
    """Serve in several processes, and replace those that die."""
    config = uvicorn.Config("server:create", factory=True, workers=settings.workers, **options(settings))
    with TemporaryDirectory(prefix="porchlight-") as folder:
        os.environ[SIBLINGS] = folder
        supervisor = Multiprocess(config, sockets=[listener])
        supervisor.run()
    failed = any(process.exitcode == program.CANNOT_RUN for process in supervisor.processes)
    return program.CANNOT_RUN if failed else 0


if __name__ == "__main__":
    sys.exit(program.run(serve))
