import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from core.environment import VAR
from core.settings import Settings
from tests.delivery.image import DOCKERFILE, in_context, last_stage, lay_out, listing, started
from tests.delivery.manifests import container, documents
from tests.mailbox import outbox
from tests.porchlight import REGISTER, Porchlight
from tests.program import free_port
from tests.services.valkey import until
from tests.test_house import tracked
from tests.test_server import PRODUCTION
from web import health

Run = Callable[[list[str]], subprocess.Popen[bytes]]
PORT = free_port()
ROOMS = ("adapters", "core", "engine", "loaders", "migrations", "models", "resolvers", "schema", "services", "web")


def test_hadolint_finds_nothing() -> None:
    """The linter of Dockerfiles, with all its rules."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_context_holds_what_runs_and_nothing_else() -> None:
    """Every file of every room, what they read beside themselves, and no test, no paper, no secret, no history."""
    files = [name for name in tracked() if in_context(name)]
    rooms = (*ROOMS, "worker")
    assert {name for name in tracked() if name.startswith(tuple(f"{room}/" for room in rooms))} <= set(files)
    assert {name.split("/")[0] for name in files if "/" in name} == set(rooms)
    beside = {name for name in files if "/" not in name}
    assert beside == {"LICENSE", "requirements.txt", "server.py", *tracked(":(glob)*.yaml")}
    kept_out = [".env", "var/secret_key", "tests/conftest.py", "web/__pycache__/pages.pyc", ".git/config"]
    assert [
        name for name in (*kept_out, "web/graphiql/frontend/node_modules/graphql/index.js") if in_context(name)
    ] == []


def test_image_runs_as_nobody_in_particular() -> None:
    """By number, so that Kubernetes can see that it is not root; the manifests ask for the same one."""
    stage = last_stage()
    assert stage.user == "10001:10001"
    for kind, name in [("Deployment", "porchlight-server"), ("Deployment", "porchlight-worker")]:
        security = documents()[kind, name]["spec"]["template"]["spec"]["securityContext"]
        assert f"{security['runAsUser']}:{security['runAsGroup']}" == stage.user
    assert stage.folder == "/app"
    assert stage.copied == ["--from=assembled /app /app"]


def test_base_images_and_packages_are_pinned() -> None:
    """What an image is made from can be pinned by digest, has a version, and each wheel has its hash."""
    text = DOCKERFILE.read_text()
    assert dict(re.findall(r"^ARG (\w+_IMAGE)=\w+:([\w.]+)", text, re.MULTILINE)).keys() == {
        "PYTHON_IMAGE",
        "NODE_IMAGE",
    }
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${PYTHON_IMAGE}", "${NODE_IMAGE}"}
    assert "install --require-hashes --only-binary :all: -r /app/requirements.txt" in text
    assert "npm ci" in text


@pytest.fixture
def run(tmp_path: Path, empty_postgres_url: str, redis_url: str) -> Iterator[Run]:
    """Run commands of the image in production, over a database without tables, in a tree that cannot be written to."""
    app, outside = tmp_path / "app", tmp_path / "outside"
    lay_out(app, tracked())
    outside.mkdir()
    environment = {
        **last_stage().environment,
        **documents()["ConfigMap", "porchlight"]["data"],
        **PRODUCTION,
        "HOST": "127.0.0.1",
        "PORT": str(PORT),
        "DRAIN_NOTICE": "0",
        "WORKER_PORT": "0",
        "DATABASE_URL": empty_postgres_url,
        "REDIS_URL": redis_url,
        "MAIL_URL": f"outbox://{outside / 'outbox'}",
        "VECTORS_URL": "embedded://",
        "ARGON2_MEMORY_KIB": "8",
    }
    programs: list[subprocess.Popen[bytes]] = []

    def running(command: list[str]) -> subprocess.Popen[bytes]:
        programs.append(started(command, app, environment, outside / "log"))
        return programs[-1]

    yield running
    for program in programs:
        program.kill()
        program.wait()
    for path in [app, *app.rglob("*")]:
        path.chmod(0o755)


async def test_what_the_image_holds_runs_read_only_and_without_powers(run: Run, tmp_path: Path) -> None:
    """Migrated, served, worked, found healthy and stopped by the very commands of Dockerfile and manifests.

    The tree is as the image has it, nobody may write to it, and nothing of the environment but theirs is known.
    """
    stage, app, log = last_stage(), tmp_path / "app", tmp_path / "outside" / "log"
    before = listing(app)

    async def ends(command: list[str]) -> int:
        return await asyncio.to_thread(run(command).wait, 60)

    assert await ends(stage.health) == 1
    assert await ends(container("Job", "porchlight-migrate")["command"]) == 0
    assert container("Deployment", "porchlight-server")["command"] == stage.command
    server, worker = run(stage.command), run(container("Deployment", "porchlight-worker")["command"])
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=10) as http:

        async def ready() -> bool:
            assert server.poll() is None, log.read_text()
            try:
                return (await http.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(ready, 30)
        assert await ends(stage.health) == 0
        assert await ends([*stage.health, "/readyz"]) == 0
        person = {"email": "ada@example.com", "password": "correct horse battery staple"}
        answer = await http.post("/graphql", json={"query": REGISTER, "variables": {"input": person}})
        assert answer.json()["data"]["register"]["__typename"] == "RegisterSuccess"
    await until(lambda: len(outbox(tmp_path / "outside" / "outbox")) == 1, 20)
    for program in (server, worker):
        program.send_signal(signal.SIGTERM)
    assert [await asyncio.to_thread(program.wait, 30) for program in (server, worker)] == [0, 0]
    assert listing(app) == before
    assert list((app / VAR).iterdir()) == []


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_health_of_a_server(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 while it answers at the path asked for; 1 while it does not, says no, or nobody is there."""
    monkeypatch.setattr(sys, "argv", ["health"])
    there = Settings(host="0.0.0.0", port=porchlight.port)  # ruff: ignore[hardcoded-bind-all-interfaces] -- nothing binds
    assert await asyncio.to_thread(health.main, there) == 0
    monkeypatch.setattr(sys, "argv", ["health", "/readyz"])
    assert await asyncio.to_thread(health.main, there) == 0
    porchlight.app.draining = True
    assert await asyncio.to_thread(health.main, there) == 1
    porchlight.app.draining = False
    port = free_port()
    assert await asyncio.to_thread(health.main, Settings(port=port)) == 1
    said = capsys.readouterr()
    answers = [line for line in said.out.splitlines() if " answers " in line]
    assert [line.partition(": ")[0] for line in answers] == [
        "/healthz answers 200",
        "/readyz answers 200",
        "/readyz answers 503",
    ]
    assert '"database":"ok"' in answers[1]
    assert said.err.startswith(f"Nobody answers as HTTP at 127.0.0.1:{port}: ")
