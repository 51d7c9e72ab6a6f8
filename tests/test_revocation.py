"""The bound of revocation: five seconds, on every process, whatever becomes of the bus."""

import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets.typing import Subprotocol

from models import Job, Role, Session, User
from services import jobs
from services.app import App, open_app
from tests.porchlight import LOGIN, PASSWORD, REGISTER, SECRET, Connection, settings_for
from tests.program import Program, Programs
from tests.services.valkey import RestartableValkey, until

BOUND = 5.0
SOON = 1.0
"""Seconds within which the bus has told, far below the bound."""
ME = "{ me { email } }"
REVOKE = "mutation { revokeOtherSessions }"
SUSPEND = 'mutation($user: ID!) { suspendUser(userId: $user, reason: "farming") { __typename } }'
LOWER = "mutation($user: ID!) { assignRole(userId: $user, role: USER) { __typename } }"
WHO = {"email": "ada@example.com", "password": PASSWORD}


@asynccontextmanager
async def socket_to(program: Program, token: str) -> AsyncGenerator[Connection]:
    """An acknowledged socket."""
    url = f"ws://127.0.0.1:{program.port}/graphql"
    async with websockets.connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as raw:
        connection = Connection(raw)
        await connection.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert (await connection.receive())["type"] == "connection_ack"
        yield connection


async def status(program: Program, token: str) -> int:
    """How a request with this token is answered."""
    async with httpx.AsyncClient(base_url=program.url) as http:
        headers = {"Authorization": f"Bearer {token}"}
        return (await http.post("/graphql", json={"query": ME}, headers=headers)).status_code


async def refused(program: Program, token: str, *, within: float) -> None:
    """Return once requests with this token are refused."""

    async def is_refused() -> bool:
        return await status(program, token) == 401

    await until(is_refused, within)


async def pair(programs: Programs, database_url: str, redis_url: str) -> tuple[Program, Program]:
    """Two processes on one database and one Valkey."""
    shared = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET,
        "PUBLIC_URL": "http://127.0.0.1:8000",
    }
    here, there = programs.serve(**shared), programs.serve(**shared)
    return await here.listening(), await there.listening()


def access_token(result: dict[str, Any]) -> str:
    token: str = result["tokens"]["accessToken"]
    return token


@pytest.mark.parametrize("bus", ["there", "gone", "mute"])
async def test_what_is_revoked_here_is_refused_there_within_five_seconds(
    programs: Programs, postgres_url: str, restartable_valkey: RestartableValkey, bus: str
) -> None:
    """By two real processes on real time: HTTP and an open socket within the bound, with a bus or without."""
    here, there = await pair(programs, postgres_url, restartable_valkey.url)
    lost = access_token((await here.ask(REGISTER, {"input": WHO}))["register"])
    kept = access_token((await here.ask(LOGIN, {"input": WHO}))["login"])
    async with socket_to(there, lost) as open_socket, socket_to(there, kept) as other:
        await open_socket.subscribe(ME)
        assert (await open_socket.next())["data"]["me"] == {"email": WHO["email"]}
        if bus == "gone":
            await restartable_valkey.kill()
        elif bus == "mute":
            restartable_valkey.pause()
        began = time.monotonic()
        assert await here.ask(REVOKE, token=kept) == {"revokeOtherSessions": 1}
        revoked = time.monotonic()
        await refused(there, lost, within=SOON if bus == "there" else BOUND)
        assert await open_socket.closed() == (4401, "The session has ended")
        assert time.monotonic() - revoked < BOUND
        assert revoked - began < BOUND
        await other.subscribe(ME)
        assert (await other.next())["data"]["me"] == {"email": WHO["email"]}
    if bus == "mute":
        restartable_valkey.resume()
    elif bus == "gone":
        await restartable_valkey.start()


async def test_who_may_no_longer_is_shut_out_there_within_five_seconds(
    programs: Programs, postgres_url: str, restartable_valkey: RestartableValkey, tmp_path: Path
) -> None:
    """Suspended, lowered and deleted on one process: HTTP and an open socket are refused on the other, by the bus."""
    here, there = await pair(programs, postgres_url, restartable_valkey.url)
    names = ("admin", "suspended", "lowered", "deleted")
    people = {name: (await here.ask(REGISTER, {"input": {**WHO, "email": f"{name}@example.com"}})) for name in names}
    tokens = {name: access_token(people[name]["register"]) for name in names}
    ids = {name: people[name]["register"]["user"]["id"] for name in names}
    settings = settings_for(postgres_url, restartable_valkey.url, f"outbox://{tmp_path / 'outbox'}", jobs="external")
    async with open_app(settings) as app, AsyncExitStack() as sockets:
        with app.database.bound():
            await User.filter(email="admin@example.com").update(role=Role.ADMIN)
            await User.filter(email="lowered@example.com").update(role=Role.SUPPORT)
            await Session.filter(user__email="admin@example.com").update(assurance=2, factor_at=app.clock.now())
        opened = {}
        for name in names:
            opened[name] = await sockets.enter_async_context(socket_to(there, tokens[name]))
            await opened[name].subscribe(ME)
            assert (await opened[name].next())["data"]["me"] == {"email": f"{name}@example.com"}
            assert (await opened[name].receive())["type"] == "complete"

        async def shut_out(name: str, *reason: object) -> None:
            began = time.monotonic()
            await refused(there, tokens[name], within=SOON)
            assert await opened[name].closed() == reason
            assert time.monotonic() - began < BOUND

        await here.ask(SUSPEND, {"user": ids["suspended"]}, token=tokens["admin"])
        await shut_out("suspended", 4403, "The account has been suspended")
        await here.ask(LOWER, {"user": ids["lowered"]}, token=tokens["admin"])
        await shut_out("lowered", 4403, "The role has changed")
        await here.ask("mutation { deleteAccount { __typename } }", token=tokens["deleted"])
        with app.database.bound():
            await let_two_weeks_pass(app, "deleted@example.com")
            await until(lambda: no_longer_exists("deleted@example.com"))
        await shut_out("deleted", 4401, "The session has ended")
        await opened["admin"].subscribe(ME)
        assert (await opened["admin"].next())["data"]["me"] == {"email": "admin@example.com"}


async def let_two_weeks_pass(app: App, email: str) -> None:
    """The time of a deletion that was asked for has come, and a server does it."""
    now = app.clock.now()
    user = await User.get(email=email)
    await User.filter(id=user.id).update(deletion_at=now)
    payload = {"user_id": user.id, "deletion_at": now.isoformat()}
    assert await Job.filter(kind="account.deletion").update(due_at=now, payload=payload) == 1
    await jobs.wake(app)


async def no_longer_exists(email: str) -> bool:
    return not await User.exists(email=email)
