"""The programs that are measured: what each profile needs, the real server, and its peers (ADR 0056)."""

import os
import secrets
import signal
import socket
import subprocess  # ruff: ignore[suspicious-subprocess-import] -- servers are programs
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import orjson

from adapters.database.migrating import migrate
from benchmarks.node import ROOT
from benchmarks.peers.commands import HAND_COMMAND
from benchmarks.peers.tokens import KEY
from core.settings import VARIABLES, Settings
from tests.services import postgres
from tests.services.valkey import RestartableValkey

START_SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
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
        told = _told_of(self.pid)
        return (int(told[11]) + int(told[12])) / TICKS if told else None

    def memory(self) -> int | None:
        """Bytes that it holds; None as above."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
        except OSError:
            return None


def parent_of(pid: int) -> int | None:
    """The process that started another; None where the system does not tell it in /proc."""
    told = _told_of(pid)
    return int(told[1]) if told else None


def seconds_of_children(pid: int | None) -> float | None:
    """Processor time of a process's children so far, those that have ended included; None as above."""
    own = _told_of(pid) if pid else None
    if own is None:
        return None
    everybody = [_told_of(int(each.name)) for each in Path("/proc").iterdir() if each.name.isdigit()]
    ticks = sum(int(told[11]) + int(told[12]) for told in everybody if told and int(told[1]) == pid)
    return (ticks + int(own[13]) + int(own[14])) / TICKS


def _told_of(pid: int) -> list[str] | None:
    """What /proc tells of a process, from its state on (proc(5): field 3 is at index 0)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
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
    with _serving([sys.executable, ROOT / "server.py"], profile, **more) as process:
        yield process


@contextmanager
def peer(profile: Profile, command: Sequence[str | Path], key: str) -> Generator[Process]:
    """Another server of the same rows. `key` is the public key of the tokens, as a JWK."""
    with _serving(command, profile, **{KEY: key}) as process:
        yield process


@contextmanager
def handwritten(profile: Profile, key: str) -> Generator[Process]:
    """What `benchmarks.peers.handwritten` serves."""
    with peer(profile, HAND_COMMAND, key) as process:
        yield process


def key_of(process: Process, token: str) -> str:
    """The public key that a token of Porchlight's names, as a JWK."""
    kid = jwt.get_unverified_header(token)["kid"]
    keys: list[dict[str, Any]] = httpx.get(f"{process.url}/.well-known/jwks.json").json()["keys"]
    return next(orjson.dumps(key).decode() for key in keys if key["kid"] == kid)


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
def _serving(command: Sequence[str | Path], profile: Profile, **more: str) -> Generator[Process]:
    port = _free_port()
    environment = profile.environment(port) | more
    process = subprocess.Popen(  # ruff: ignore[subprocess-without-shell-equals-true] -- our own programs
        command, env=environment, cwd=profile.folder, stdout=subprocess.DEVNULL
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
