"""The front door for tests: a real server on a real port, its clients, and its clock."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import structlog
import uvicorn
import websockets
from websockets.typing import Subprotocol

from adapters.payments import simulated_behind
from adapters.payments.simulated import SimulatedStripe, Weather
from core.settings import Settings
from server import Server, options, site_of
from services.app import App, assemble
from services.ports import Ports, choose_ports
from tests.clock import ManualClock
from tests.executors import EVERYWHERE
from tests.services.embeddings import EMBEDDINGS

PASSWORD = "correct horse battery staple"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Servers under test speak plainly: reading all authorities of the machine takes 17 ms a client."""
SECRET = "a-secret-of-this-test-run-and-of-no-other-place"

REGISTER = """
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    __typename
    ... on Error { message }
    ... on InvalidPassword { reasons }
    ... on ChallengeRequired { kind parameters }
    ... on RegisterSuccess {
      user { id databaseId email emailVerified name role createdAt }
      trial { id status secondsLeft endsAt }
      tokens { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt tokenType }
      deviceToken
    }
  }
}
"""
LOGIN = """
mutation Login($input: LoginInput!) {
  login(input: $input) {
    __typename
    ... on Error { message }
    ... on ChallengeRequired { kind parameters }
    ... on LoginSuccess {
      user { id email }
      tokens { accessToken refreshToken }
      deviceToken
    }
  }
}
"""
REFRESH = """
mutation Refresh($token: String) {
  refreshSession(refreshToken: $token) {
    __typename
    ... on Error { message }
    ... on RefreshSessionSuccess {
      tokens { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt tokenType }
    }
  }
}
"""


def settings_for(database_url: str, redis_url: str, mail_url: str, **changes: Any) -> Settings:
    """Settings of a server under test: cheap hashes, and no viewer is kept, for tests change rows behind its back.

    Everything else is as a user has it.
    """
    return Settings(
        **{
            "database_url": database_url,
            "redis_url": redis_url,
            "mail_url": mail_url,
            "secret_key": (SECRET,),
            "argon2_memory_kib": 8,
            "session_cache": 0,
            "graphql_executor": EVERYWHERE,
            **changes,
        }
    )


@dataclass
class Person:
    """Somebody who has registered."""

    email: str
    user_id: int
    access_token: str
    refresh_token: str
    registered: dict[str, Any] = field(repr=False)


class Connection:
    """A client of graphql-transport-ws."""

    def __init__(self, raw: websockets.ClientConnection) -> None:
        self.raw = raw

    async def send(self, **message: Any) -> None:
        import json

        await self.raw.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        import json

        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.raw.recv(), 20))
        return message

    async def subscribe(self, query: str, operation_id: str = "1", **variables: Any) -> None:
        await self.send(id=operation_id, type="subscribe", payload={"query": query, "variables": variables})

    async def next(self) -> dict[str, Any]:
        """The payload of the next message, which is an answer."""
        message = await self.receive()
        assert message["type"] == "next", message
        payload: dict[str, Any] = message["payload"]
        return payload

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the end of the connection."""
        async with asyncio.timeout(20):
            await self.raw.wait_closed()
        assert self.raw.close_code is not None
        return self.raw.close_code, self.raw.close_reason or ""


@dataclass
class Porchlight:
    """A running server."""

    app: App
    clock: ManualClock
    port: int
    http: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stripe(self) -> SimulatedStripe:
        """The payment provider."""
        site = simulated_behind(self.app.payments)
        assert site is not None
        return site

    async def post(
        self, query: str, variables: dict[str, Any] | None = None, *, token: str | None = None, **headers: str
    ) -> httpx.Response:
        """One GraphQL request."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, *, token: str | None = None, **headers: str
    ) -> dict[str, Any]:
        """The data of an answer that has no errors."""
        answer = (await self.post(query, variables, token=token, **headers)).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def codes(
        self, query: str, variables: dict[str, Any] | None = None, *, token: str | None = None
    ) -> list[str]:
        """The codes of an answer's errors."""
        answer = (await self.post(query, variables, token=token)).json()
        return [error["extensions"]["code"] for error in answer.get("errors", [])]

    async def register(self, email: str = "ada@example.com", password: str = PASSWORD, **more: Any) -> Person:
        """Somebody new."""
        data = await self.ask(REGISTER, {"input": {"email": email, "password": password, **more}})
        result = data["register"]
        assert result["__typename"] == "RegisterSuccess", result
        return Person(
            email=email,
            user_id=result["user"]["databaseId"],
            access_token=result["tokens"]["accessToken"],
            refresh_token=result["tokens"]["refreshToken"],
            registered=result,
        )

    async def refresh(self, token: str | None) -> dict[str, Any]:
        """What `refreshSession` answers."""
        result: dict[str, Any] = (await self.ask(REFRESH, {"token": token}))["refreshSession"]
        return result

    @asynccontextmanager
    async def connect(
        self, *, init: bool = True, token: str | None = None, **options: Any
    ) -> AsyncGenerator[Connection]:
        """A socket, acknowledged unless `init` is false."""
        options.setdefault("subprotocols", [Subprotocol("graphql-transport-ws")])
        async with websockets.connect(f"ws://127.0.0.1:{self.port}/graphql", **options) as raw:
            connection = Connection(raw)
            if init:
                payload = {"Authorization": f"Bearer {token}"} if token else {}
                await connection.send(type="connection_init", payload=payload)
                assert (await connection.receive())["type"] == "connection_ack"
            yield connection

    @contextmanager
    def counting_queries(self) -> Generator[list[str]]:
        """Every SQL statement that requests and sockets run meanwhile: those of the worker bear no request's id."""
        statements: list[str] = []

        class Recorder(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if "request_id" in structlog.contextvars.get_contextvars():
                    statements.append(record.getMessage())

        recorder, logger = Recorder(), logging.getLogger("tortoise.db_client")
        level = logger.level
        logger.addHandler(recorder)
        logger.setLevel(logging.DEBUG)
        try:
            yield statements
        finally:
            logger.removeHandler(recorder)
            logger.setLevel(level)


def prepared(settings: Settings, clock: ManualClock | None = None, ports: Ports | None = None) -> App:
    """An application, not yet opened, with the local model that all tests share. Webhooks come at once and in order."""
    chosen = ports or choose_ports(settings, clock)
    if settings.embeddings_url == "local://":
        chosen = replace(chosen, embeddings=EMBEDDINGS)
    app = assemble(settings, chosen, clock)
    if stripe := simulated_behind(app.payments):
        stripe.deliveries.weather = Weather()
    return app


async def _serving(server: Server, listener: socket.socket) -> None:
    """Serve. A server that does not start leaves its process, which here is that of the tests."""
    try:
        await server._serve([listener])
    except SystemExit as status:
        raise RuntimeError(f"The server left with status {status.code}.") from status


@asynccontextmanager
async def running(settings: Settings, clock: ManualClock, ports: Ports | None = None) -> AsyncGenerator[Porchlight]:
    """A server that listens, stopped at the end as a signal would stop it."""
    app = prepared(settings, clock, ports)
    config = uvicorn.Config(site_of(app), **{**options(settings), "timeout_graceful_shutdown": 2})
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(config, app)
    task = asyncio.create_task(_serving(server, listener))
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.005)
    port = listener.getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, verify=NO_TLS) as http:
            yield Porchlight(app, clock, port, http)
    finally:
        server.should_exit = True
        await task
        listener.close()
