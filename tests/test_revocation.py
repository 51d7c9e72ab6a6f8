"""The bound of revocation: five seconds, on every process, whatever becomes of the bus."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets.typing import Subprotocol

from tests.porchlight import LOGIN, PASSWORD, REGISTER, Connection
from tests.program import Program, Programs
from tests.services.valkey import RestartableValkey

BOUND = 5.0
ME = "{ me { email } }"
REVOKE = "mutation { revokeOtherSessions }"
WHO = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    programs = Programs(folder)
    yield programs
    programs.end()


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


def access_token(result: dict[str, Any]) -> str:
    token: str = result["tokens"]["accessToken"]
    return token


@pytest.mark.parametrize("bus", ["there", "gone", "mute"])
async def test_what_is_revoked_here_is_refused_there_within_five_seconds(
    programs: Programs, postgres_url: str, restartable_valkey: RestartableValkey, bus: str
) -> None:
    """By two real processes on real time: HTTP at once, an open socket within the bound, with a bus or without."""
    shared = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": restartable_valkey.url,
        "SECRET_KEY": "s" * 48,
        "PUBLIC_URL": "http://127.0.0.1:8000",
    }
    here, there = programs.serve(**shared), programs.serve(**shared)
    await here.listening()
    await there.listening()
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
        assert await status(there, lost) == 401
        assert await open_socket.closed() == (4401, "The session has ended")
        assert time.monotonic() - revoked < BOUND
        assert revoked - began < BOUND
        await other.subscribe(ME)
        assert (await other.next())["data"]["me"] == {"email": WHO["email"]}
    if bus == "mute":
        restartable_valkey.resume()
    elif bus == "gone":
        await restartable_valkey.start()
