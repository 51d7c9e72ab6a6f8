"""What is drilled: two servers and a worker on one of everything, behind nginx, each part of which can be broken."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from adapters.database.migrating import migrate
from tests.drill.postgres import RestartablePostgres
from tests.porchlight import SECRET
from tests.program import SERVER, Program, free_port
from tests.services.nginx import Nginx
from tests.services.smtp import Counted, SmtpServer
from tests.services.valkey import RestartableValkey, until
from tests.services.weaviate import Weaviate, weaviate_service

START_SECONDS = 120.0
STOP_SECONDS = 40.0
DRAIN_NOTICE = 5
"""What the servers are told: docs/reliability.md says why five seconds."""
WORKER = ("-m", "worker")
PROVIDER = "stripe.sqlite3"
"""The file of the simulated payment provider, which all processes share."""


@dataclass
class Member:
    """One process of ours, which a supervisor starts again in its place, at the same address."""

    name: str
    folder: Path
    arguments: tuple[str, ...]
    environment: dict[str, str]
    program: Program = field(init=False)

    def start(self) -> None:
        """Start it; it is not ready when this returns."""
        self.program = Program(self.folder, self.arguments, self.environment)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.program.process.send_signal(number)

    async def ended(self) -> int:
        """The exit status, once it has one."""
        await until(lambda: self.program.process.poll() is not None, STOP_SECONDS)
        return self.program.process.wait()

    async def kill(self) -> None:
        """What the system does to what takes too much memory."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def parts(self) -> dict[str, str] | None:
        """What it says of itself; None while it is not ready."""
        async with httpx.AsyncClient(timeout=3) as http:
            try:
                answer = await http.get(f"{self.program.url}/readyz")
            except httpx.TransportError:
                return None
        parts: dict[str, str] = answer.json()["parts"]
        return parts if answer.status_code == httpx.codes.OK else None

    async def well(self) -> bool:
        """Whether it is ready, and nothing that it needs is degraded."""
        parts = await self.parts()
        return parts is not None and set(parts.values()) == {"ok"}

    def has_said(self, words: str) -> bool:
        """Whether its log holds these words."""
        return words in self.program.out or words in self.program.err


class MailServer:
    """A mail server that can go away, and come back at its address. It remembers what it has taken."""

    def __init__(self) -> None:
        self.book = SmtpServer(port=free_port())
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        factory = partial(Counted, self.book, hostname="mail.test", loop=loop)
        self._server = await loop.create_server(factory, "127.0.0.1", self.book.port)

    async def stop(self) -> None:
        """Close the port, and what is connected."""
        if self._server:
            self._server.close()
            self.book.drop_connections()
            self._server = None


@dataclass
class World:
    """All of it. `url` is where visitors come in."""

    folder: Path
    postgres: RestartablePostgres
    database_url: str
    valkey: RestartableValkey
    weaviate: Weaviate
    mail: MailServer
    nginx: Nginx
    servers: list[Member]
    worker: Member

    @property
    def url(self) -> str:
        """Where visitors come in, over TLS."""
        return self.nginx.url

    async def well(self) -> bool:
        """Whether both servers are ready, and nothing is degraded."""
        return all(await asyncio.gather(*(server.well() for server in self.servers)))

    def members(self) -> list[Member]:
        """Each process of ours."""
        return [*self.servers, self.worker]


@asynccontextmanager
async def standing() -> AsyncGenerator[World]:
    """A world in which all is well. All of it ends with the block."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="porchlight-drill-")))
        postgres = await asyncio.to_thread(RestartablePostgres)
        stack.callback(postgres.close)
        await migrate(postgres.url)
        valkey = RestartableValkey()
        stack.callback(valkey.close)
        weaviate = await stack.enter_async_context(weaviate_service())
        mail = MailServer()
        await mail.start()
        stack.push_async_callback(mail.stop)
        ports = [free_port(), free_port()]
        (folder / "nginx").mkdir()
        nginx = Nginx(folder / "nginx", ports)
        nginx.start()
        stack.callback(nginx.stop)
        shared = _environment(folder, postgres, valkey, weaviate, mail, nginx)
        servers = [Member(f"server {n}", folder, SERVER, {**shared, "PORT": str(p)}) for n, p in enumerate(ports, 1)]
        world = World(
            folder,
            postgres,
            postgres.url,
            valkey,
            weaviate,
            mail,
            nginx,
            servers,
            Member("worker", folder, WORKER, shared),
        )
        stack.callback(_end, world)
        for member in world.members():
            member.start()
        await until(world.well, START_SECONDS)
        yield world


def _environment(
    folder: Path,
    postgres: RestartablePostgres,
    valkey: RestartableValkey,
    weaviate: Weaviate,
    mail: MailServer,
    nginx: Nginx,
) -> dict[str, str]:
    """What all processes share. Hashes are cheap; everything else is as in production, but for simulated payments."""
    return {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "VECTORS_URL": weaviate.url,
        "MAIL_URL": f"smtp://127.0.0.1:{mail.book.port}?tls=none",
        "PAYMENTS_URL": f"simulated://{folder / PROVIDER}",
        "PUBLIC_URL": nginx.url,
        "TRUSTED_PROXIES": "127.0.0.1/32",
        "DRAIN_NOTICE": str(DRAIN_NOTICE),
        "SECRET_KEY": SECRET,
        "JOBS": "external",
        "GRAPHIQL": "off",
        "ARGON2_MEMORY_KIB": "8",
        "LOG_FORMAT": "json",
    }


def _end(world: World) -> None:
    for member in world.members():
        program: Any = getattr(member, "program", None)
        if program:
            program.process.kill()
            program.process.wait()
