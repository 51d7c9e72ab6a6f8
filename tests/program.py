"""The program as a user starts it: a process of its own, in a folder of its own, with an environment of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from core.settings import VARIABLES
from tests.services.valkey import until

ROOT = Path(__file__).resolve().parent.parent
SERVER = (str(ROOT / "server.py"),)
BOUND = 60.0
"""Seconds within which a program starts, or ends after a signal."""


def free_port() -> int:
    """A port at which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def served(folder: Path) -> Generator[int]:
    """The port of a server that was started as a user starts it, for tests that wait for nothing else meanwhile."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "LOG_LEVEL": "warning"}
    server = subprocess.Popen([sys.executable, *SERVER], cwd=folder, env=environment)
    try:
        _wait_until_ready(f"http://localhost:{port}/readyz", server)
        yield port
    finally:
        server.terminate()
        assert server.wait(30) == 0


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        assert server.poll() is None
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(url)


class Program:
    """A process, with what it has written so far."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.folder = folder
        self.port = environment.get("PORT", "")
        self._out = folder / f"out-{time.monotonic_ns()}"
        self._err = self._out.with_name(f"err-{self._out.name}")
        kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env={**kept, "PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def demo_password(self) -> str:
        """The password on the start screen."""
        found = re.search(r"Demo account +demo@example\.com +(\S+)", self.out)
        assert found, self.out
        return found[1]

    async def listening(self) -> "Program":
        """Return once it answers and has said so."""
        async with httpx.AsyncClient(base_url=self.url) as http:

            async def answers() -> bool:
                assert self.process.poll() is None, self.err
                try:
                    return (await http.get("/healthz")).status_code == 200 and "Ctrl-C" in self.out
                except httpx.TransportError:
                    return False

            await until(answers, BOUND)
        return self

    async def deaf(self) -> None:
        """Return once it takes no new connections."""

        def refused() -> bool:
            with closing(socket.socket()) as client:
                return client.connect_ex(("127.0.0.1", int(self.port))) != 0

        await until(refused, BOUND)

    async def ended(self) -> int:
        """The exit status."""
        await until(lambda: self.process.poll() is not None, BOUND)
        return self.process.wait()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return await self.ended()

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, token: str | None = None
    ) -> dict[str, Any]:
        """The data of an answer that has no errors, over a connection of its own."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=BOUND) as http:
            answer = (await http.post("/graphql", json={"query": query, "variables": variables})).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data


class Programs:
    """Starts programs that end with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Program] = []

    def run(self, *arguments: str, **environment: str) -> Program:
        """Start any of our programs."""
        program = Program(self.folder, arguments, environment)
        self._started.append(program)
        return program

    def serve(self, **environment: str) -> Program:
        """Start the server on a free port. Hashes are cheap."""
        return self.run(*SERVER, **{"PORT": str(free_port()), "ARGON2_MEMORY_KIB": "8", **environment})

    def end(self) -> None:
        for program in self._started:
            with suppress(psutil.NoSuchProcess):  # what a killed program has begun would go on
                for each in psutil.Process(program.process.pid).children(recursive=True):
                    each.kill()
            program.process.kill()
            program.process.wait()


@pytest.fixture
def programs(tmp_path: Path) -> Generator[Programs]:
    """Start programs in an empty folder; whatever still runs ends with the test."""
    folder = tmp_path / "home"
    folder.mkdir()
    programs = Programs(folder)
    yield programs
    programs.end()
