"""The programs that are measured: what each profile needs, the real server, and the endpoint written by hand."""

import os
import secrets
import signal
import socket
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- servers are programs
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from adapters.database.migrating import migrate
from benchmarks.node import ROOT
from core.settings import VARIABLES, Settings
from tests.services import postgres
from tests.services.valkey import RestartableValkey

START_SECONDS = 60.0
PUBLIC_URL = "http://localhost:8000"
"""What tokens name as their issuer: the same whichever port a server is given."""


@dataclass(frozen=True)
class Profile:
    """Where a server keeps its things. `folder` goes when the profile has been measured."""

    name: str
    database_url: str
    redis_url: str
    folder: Path
    secret: str

    @property
    def settings(self) -> Settings:
        """The settings of a server in this process."""
        return Settings(
            database_url=self.database_url,
            redis_url=self.redis_url,
            mail_url=f"outbox://{self.folder / 'outbox'}",
            public_url=PUBLIC_URL,
            secret_key=(self.secret,),
            rate_limits=False,
        )

    def environment(self, port: int) -> dict[str, str]:
        """The same settings for a process. Nothing of the caller's own settings is left."""
        kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        return {
            **kept,
            "PORT": str(port),
            "PUBLIC_URL": PUBLIC_URL,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "MAIL_URL": f"outbox://{self.folder / 'outbox'}",
            "SECRET_KEY": self.secret,
            "RATE_LIMITS": "off",
            "LOG_LEVEL": "warning",
            "PYTHONPATH": str(ROOT),
        }


@dataclass(frozen=True)
class Process:
    """A server that answers."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float | None:
        """Processor time that it has taken so far; None where the system does not tell it in /proc."""
        try:
            after_name = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return None
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int | None:
        """Bytes that it holds; None as above."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
        except OSError:
            return None


@contextmanager
def embedded() -> Generator[Profile]:
    """SQLite, and everything else in memory."""
    with _folder() as folder:
        yield Profile("embedded", f"sqlite://{folder / 'porchlight.sqlite3'}", "", folder, secrets.token_urlsafe(48))


@contextmanager
def production() -> Generator[Profile]:
    """PostgreSQL, with its own defaults for what must survive a crash, and Valkey."""
    with _folder() as folder, postgres.running() as server:
        url = postgres.finished(server.create())
        postgres.finished(migrate(url))
        valkey = RestartableValkey()
        try:
            yield Profile("production", url, valkey.url, folder, secrets.token_urlsafe(48))
        finally:
            valkey.close()
            postgres.finished(server.drop(url))


PROFILES = (embedded, production)


@contextmanager
def porchlight(profile: Profile, **more: str) -> Generator[Process]:
    """The real program, in one process, with `more` settings."""
    with _serving([str(ROOT / "server.py")], profile, **more) as process:
        yield process


@contextmanager
def handwritten(profile: Profile) -> Generator[Process]:
    """What `benchmarks.handwritten` serves.

    Its matrix product keeps to one thread, as Porchlight's search does: several would wait for each other in a loop.
    """
    with _serving(["-m", "benchmarks.handwritten"], profile, OPENBLAS_NUM_THREADS="1") as process:
        yield process


def wait_for_ranking(process: Process, token: str) -> None:
    """Return once the feed is ranked by interests: vectors are loaded after the start. Raises TimeoutError."""
    query = "{ me { recommendations(first: 1) { strategy } } }"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        answer = httpx.post(
            f"{process.url}/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"}
        )
        found: dict[str, Any] = orjson.loads(answer.content)
        if found["data"]["me"]["recommendations"]["strategy"] == "interests":
            return
        time.sleep(0.1)
    raise TimeoutError("The feed is not ranked.")


@contextmanager
def _folder() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="porchlight-bench-") as name:
        yield Path(name)


@contextmanager
def _serving(arguments: list[str], profile: Profile, **more: str) -> Generator[Process]:
    port = _free_port()
    environment = profile.environment(port) | more
    process = subprocess.Popen(  # ruff: ignore[subprocess-without-shell-equals-true] -- our own program
        [sys.executable, *arguments], env=environment, cwd=profile.folder, stdout=subprocess.DEVNULL
    )
    try:
        _wait(process, f"http://127.0.0.1:{port}/readyz")
        yield Process(process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("The server did not start: the reason stands above.")
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError("The server does not answer.")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
