"""Servers that come and go: nobody waits for a start, and a stop gives notice, answers all, sends clients elsewhere."""

import asyncio
import errno
import json
import signal
import socket
from contextlib import closing, suppress

import httpx
import pytest
import websockets
from websockets.typing import Subprotocol

from core.listening import bound_socket
from core.settings import SettingsError, read_settings
from tests.porchlight import NO_TLS, PASSWORD, REGISTER
from tests.program import Program, Programs, free_port
from tests.services.valkey import until

PROTOCOL = [Subprotocol("graphql-transport-ws")]
WHO = {"query": REGISTER, "variables": {"input": {"email": "ada@example.com", "password": PASSWORD}}}


async def asked_until_refused(program: Program) -> list[int]:
    """Statuses of questions, each over a new connection, until the port is closed."""
    statuses = []
    with suppress(httpx.ConnectError):
        while True:
            async with httpx.AsyncClient(base_url=program.url, verify=NO_TLS) as http:
                answer = await http.post("/graphql", json={"query": "{ __typename }"})
            assert answer.json() == {"data": {"__typename": "Query"}}
            statuses.append(answer.status_code)
    return statuses


async def test_notice_is_given_and_nothing_is_lost(programs: Programs) -> None:
    """During the notice all is answered, each as the last answer of its connection; sockets are told to come again."""
    program = await programs.serve(DRAIN_NOTICE="3", ARGON2_MEMORY_KIB="262144").listening()
    address = program.url.replace("http", "ws", 1) + "/graphql"
    async with (
        httpx.AsyncClient(base_url=program.url) as http,
        websockets.connect(address, subprotocols=PROTOCOL, proxy=None) as open_socket,
    ):

        async def hashing() -> bool:
            return 'porchlight_pool_used{pool="passwords"} 1.0' in (await http.get("/metrics")).text

        kept = await http.get("/readyz")
        assert (kept.status_code, "connection" in kept.headers) == (200, False)
        await open_socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await open_socket.recv()) == {"type": "connection_ack"}
        await open_socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": WHO}))
        await until(hashing)
        program.process.send_signal(signal.SIGTERM)
        answer, complete = json.loads(await open_socket.recv()), json.loads(await open_socket.recv())
        with pytest.raises(websockets.ConnectionClosed):
            await open_socket.recv()
        assert answer["payload"]["data"]["register"]["__typename"] == "RegisterSuccess"
        assert complete == {"id": "1", "type": "complete"}
        assert (open_socket.close_code, open_socket.close_reason) == (1012, "The server restarts")
        told = await http.get("/readyz")
        assert (told.status_code, told.json()["status"], told.headers["connection"]) == (503, "draining", "close")
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(address, subprotocols=PROTOCOL, proxy=None)
        assert refused.value.response.status_code == 503
        statuses = await asked_until_refused(program)
    assert set(statuses) == {200}
    assert await program.ended() == 0


async def test_a_second_signal_ends_the_notice(programs: Programs) -> None:
    """Whoever presses Ctrl-C again does not wait."""
    program = await programs.serve(DRAIN_NOTICE="60").listening()
    program.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.3)
    assert program.process.poll() is None
    assert await program.stop(signal.SIGTERM) == 0


def test_several_processes_of_one_server_give_no_notice() -> None:
    """They share a port, of which no proxy knows whose it is; the setting is refused by name."""
    with pytest.raises(SettingsError) as refused:
        read_settings({"WORKERS": "2", "DATABASE_URL": "postgres://h/d", "REDIS_URL": "redis://h", "DRAIN_NOTICE": "5"})
    assert [problem.partition(":")[0] for problem in refused.value.problems] == ["DRAIN_NOTICE"]


def test_nobody_waits_for_a_start() -> None:
    """The port is had from the beginning, and refuses until all is open: a proxy asks the next server meanwhile."""
    port = free_port()
    with bound_socket("127.0.0.1", port) as listener, closing(socket.socket()) as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
        listener.listen()
        with (
            pytest.raises(SettingsError, match=f"PORT: 127.0.0.1:{port} cannot be had"),
            bound_socket("127.0.0.1", port),
        ):
            raise AssertionError
