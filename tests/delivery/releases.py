"""One release forward and back while people come and go: what docs/releases.md tells operators to do, done.

The processes are real, on one PostgreSQL and one Valkey. Who passes requests on takes a server out of rotation before
it is told to stop, as Kubernetes does about then; `make drill` restarts servers behind nginx, which is not told. Each
request has a connection of its own.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from core.settings import VARIABLES
from tests.delivery.image import in_context
from tests.mailbox import outbox
from tests.porchlight import LOGIN, NO_TLS, PASSWORD, REFRESH, REGISTER
from tests.program import ROOT, Program, free_port
from tests.services.schemas import opened
from tests.services.valkey import until
from tests.test_house import tracked

VISITORS = 2
START = 60.0
"""Seconds that a server may take to be ready, on a machine that is busy with visitors and other tests."""
PAUSE = 0.15
"""Seconds between the requests of one visitor."""
ME = "{ me { email } }"


@dataclass(frozen=True)
class Release:
    """The code of one release: a whole tree."""

    name: str
    tree: Path

    def schema(self, url: str, *command: str) -> list[str]:
        """What `python -m adapters.database` of this release says."""
        outer = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        done = subprocess.run(
            [sys.executable, "-m", "adapters.database", *command],
            cwd=self.tree,
            env={**outer, "PYTHONPATH": str(self.tree), "DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()


THIS = Release("this", ROOT)


def next_release(folder: Path, url: str) -> Release:
    """A release that comes after this one: a column more, filled for those who are there, and code that writes it."""
    for name in filter(in_context, tracked()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    column = "    nickname = fields.CharField(max_length=100, null=True)\n"
    _insert(folder / "models/accounts.py", "    password_hash = fields.CharField(", column)
    _insert(
        folder / "services/accounts/registration.py", "        name_key=name_key(name),\n", "        nickname=name,\n"
    )
    release = Release("next", folder)
    (made,) = release.schema(url, "make", "nickname")
    filled = "        ops.RunSQL('UPDATE users SET nickname = name', 'SELECT 1'),\n"
    _insert(folder / made, "    ]\n", filled)
    return release


def _insert(file: Path, before: str, line: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"The drill does not know {file.name} any more: {before!r} should stand there once."
    file.write_text(text.replace(before, line + before), encoding="utf-8")


@dataclass
class Ledger:
    """What visitors were told, and what went wrong."""

    people: dict[str, str] = field(default_factory=dict)
    """Access tokens by address: sign-ups that were acknowledged."""
    requests: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)


@dataclass
class Fleet:
    """The servers and the worker that run, over one database."""

    folder: Path
    environment: dict[str, str]
    ledger: Ledger = field(default_factory=Ledger)
    rotation: list[Program] = field(default_factory=list)
    worker: Program | None = None
    _programs: list[Program] = field(default_factory=list)
    _turn: int = 0

    def _run(self, release: Release, *arguments: str) -> Program:
        environment = {**self.environment, "PORT": str(free_port()), "PYTHONPATH": str(release.tree)}
        self._programs.append(Program(self.folder, arguments, environment))
        return self._programs[-1]

    async def bring_in(self, release: Release) -> Program:
        """Start a server, and pass requests on to it once it is ready."""
        server = self._run(release, str(release.tree / "server.py"))
        async with httpx.AsyncClient(base_url=server.url, verify=NO_TLS) as http:

            async def ready() -> bool:
                assert server.process.poll() is None, server.err
                try:
                    return (await http.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready, START)
        self.rotation.append(server)
        return server

    async def take_out(self, server: Program) -> None:
        """Pass nothing on to a server any more, and stop it: what it has begun it answers."""
        self.rotation.remove(server)
        status = await server.stop()
        assert status == 0, server.err

    async def roll(self, release: Release) -> None:
        """Put servers and worker of another release in the place of those that run, one after the other."""
        for old in list(self.rotation):
            await self.bring_in(release)
            await self.take_out(old)
        await self.change_worker(release)

    async def change_worker(self, release: Release) -> None:
        """Stop the worker when it has done what it had begun, and let one of another release go on."""
        if self.worker:
            assert await self.worker.stop() == 0, self.worker.err
        self.worker = self._run(release, "-m", "worker")

    def end(self) -> None:
        """Whatever still runs ends now."""
        for program in self._programs:
            program.process.kill()
            program.process.wait()

    async def ask(self, query: str, variables: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        """What a server answers: the next one in rotation. Whatever is no answer with data is noted as a failure."""
        self._turn += 1
        server = self.rotation[self._turn % len(self.rotation)]
        network = f"{20 + self._turn % 150}.{self._turn * 7 % 256}.{self._turn % 256}.9"
        headers = {"X-Forwarded-For": network} | ({"Authorization": f"Bearer {token}"} if token else {})
        began = time.monotonic()
        async with httpx.AsyncClient(base_url=server.url, timeout=20, verify=NO_TLS) as http:
            answer = await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        self.ledger.requests += 1
        self.ledger.slowest = max(self.ledger.slowest, time.monotonic() - began)
        read: dict[str, Any] = answer.json()
        assert answer.status_code == 200, answer.text
        assert "errors" not in read, read
        data: dict[str, Any] = read["data"]
        await asyncio.sleep(PAUSE)
        return data

    async def visit(self, email: str) -> None:
        """Somebody registers, is known, renews the session, signs in again, and is still known."""
        person = {"email": email, "password": PASSWORD, "name": "Ada", "formSeconds": 20}
        made = (await self.ask(REGISTER, {"input": person}))["register"]
        assert made["__typename"] == "RegisterSuccess", made
        tokens = made["tokens"]
        self.ledger.people[email] = tokens["accessToken"]
        assert await self.ask(ME, {}, tokens["accessToken"]) == {"me": {"email": email}}
        renewed = (await self.ask(REFRESH, {"token": tokens["refreshToken"]}))["refreshSession"]
        assert renewed["__typename"] == "RefreshSessionSuccess", renewed
        again = (await self.ask(LOGIN, {"input": {"email": email, "password": PASSWORD}}))["login"]
        assert again["__typename"] == "LoginSuccess", again
        assert await self.ask(ME, {}, again["tokens"]["accessToken"]) == {"me": {"email": email}}

    async def visitors(self, number: int, leaving: asyncio.Event) -> None:
        """One visit after the other, until it is time to leave."""
        count = 0
        while not leaving.is_set():
            count += 1
            try:
                await self.visit(f"someone@house{number}x{count}.example.org")
            except (AssertionError, httpx.HTTPError, KeyError, TypeError, ValueError) as error:
                self.ledger.failures.append(f"{type(error).__name__}: {error}")

    @asynccontextmanager
    async def traffic(self) -> AsyncGenerator[None]:
        """People come and go meanwhile; each visit that has begun is brought to its end."""
        leaving = asyncio.Event()
        visitors = [asyncio.create_task(self.visitors(number, leaving)) for number in range(VISITORS)]
        try:
            yield
        finally:
            leaving.set()
            await asyncio.gather(*visitors)

    async def visited(self, more: int) -> None:
        """Return once so many more people have registered."""
        goal = len(self.ledger.people) + more
        await until(lambda: len(self.ledger.people) >= goal or bool(self.ledger.failures), 30)
        assert self.ledger.failures == [], self.ledger.failures


@dataclass(frozen=True)
class Step:
    """What was done, how long it took, and what visitors noticed meanwhile."""

    what: str
    seconds: float
    requests: int
    slowest: float
    failures: int

    def __str__(self) -> str:
        noticed = f"{self.requests} | {self.slowest * 1000:.0f} ms | {self.failures}"
        return f"| {self.what} | {self.seconds:.1f} s | {noticed} |"


@dataclass
class Drill:
    """The order of things, as docs/releases.md has it."""

    url: str
    fleet: Fleet
    steps: list[Step] = field(default_factory=list)

    @asynccontextmanager
    async def step(self, what: str) -> AsyncGenerator[None]:
        """Do one thing while visitors go on, until a few more have come, and write down how it went."""
        ledger, began = self.fleet.ledger, time.monotonic()
        requests, failures, ledger.slowest = ledger.requests, len(ledger.failures), 0.0
        yield  # ruff: ignore[fallible-context-manager] -- what fails in here ends the drill
        seconds = time.monotonic() - began
        await self.fleet.visited(VISITORS)
        noticed = (ledger.requests - requests, ledger.slowest, len(ledger.failures) - failures)
        self.steps.append(Step(what, seconds, *noticed))

    async def schema(self, release: Release, *command: str) -> list[str]:
        """Change the schema with the code of a release, while the fleet serves."""
        return await asyncio.to_thread(release.schema, self.url, *command)

    async def begin(self, release: Release) -> None:
        """Start two servers and a worker."""
        await self.fleet.bring_in(release)
        await self.fleet.bring_in(release)
        await self.fleet.change_worker(release)

    async def forward(self, before: Release, after: Release) -> list[str]:
        """From one release to the next: first the schema, then the processes. The migrations that were applied."""
        async with self.step(f"two servers and a worker of {before.name} serve"):
            pass
        async with self.step(f"schema forward, {before.name} serves"):
            applied = await self.schema(after, "migrate")
        async with self.step(f"processes forward to {after.name}"):
            await self.fleet.roll(after)
        return applied

    async def back(self, before: Release, after: Release, target: str) -> list[str]:
        """From the next release to the one before: first the processes, then the schema. What was undone."""
        async with self.step(f"processes back to {before.name}"):
            await self.fleet.roll(before)
        async with self.step(f"schema back, {before.name} serves"):
            return await self.schema(after, "downgrade", target)


def environment_of(url: str, redis_url: str, home: Path) -> dict[str, str]:
    """Settings of all processes: limits are off, for visitors come faster than people do."""
    return {
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "JOBS": "external",
        "MAIL_URL": f"outbox://{home / 'outbox'}",
        "SECRET_KEY": "a-secret-of-this-test-run-and-of-no-other-place",
        "PUBLIC_URL": "https://localhost",
        "TRUSTED_PROXIES": "127.0.0.0/8",
        "RATE_LIMITS": "off",
        "ARGON2_MEMORY_KIB": "8",
        "LOG_LEVEL": "warning",
    }


async def check_the_ledger(fleet: Fleet, url: str, home: Path) -> None:
    """Who was told that they are registered is there, once, known by the first token, and welcomed once."""
    people = fleet.ledger.people
    for email, token in people.items():
        assert await fleet.ask("{ me { email } }", {}, token) == {"me": {"email": email}}
    async with opened(url) as database:
        rows = await database.rows("SELECT email FROM users")
        assert sorted(row["email"] for row in rows) == sorted(people)

        async def done() -> bool:
            waiting = "SELECT count(*) AS n FROM jobs WHERE kind LIKE 'mail.%' AND due_at <= now()"
            return bool((await database.rows(waiting))[0]["n"] == 0)

        await until(done, 30)
    welcomed = Counter(letter["To"] for letter in outbox(home / "outbox") if "elcome" in letter["Subject"])
    assert welcomed == Counter(list(people))
