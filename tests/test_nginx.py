"""The file for nginx that is shipped, with a real nginx before a server that says what has reached it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.typing import Subprotocol

from tests.program import free_port
from tests.services.nginx import Nginx, fronting

PROTOCOL = [Subprotocol("graphql-transport-ws")]


class Upstream:
    """Answers each request with its head as JSON, or as it is told; `served` counts them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.served = 0
        self.status = "200 OK"
        self.breaks_off = False
        self.body = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.served += 1
            if self.breaks_off:
                return
            body = self.body or json.dumps(head.decode().split("\r\n")).encode()
            answer = f"HTTP/1.1 {self.status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(answer.encode() + body)

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """It takes connections for as long as the block lasts."""
        serving: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving[asyncio.current_task()] = writer
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self.serve(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            for writer in serving.values():
                writer.close()
            await asyncio.gather(*(task for task in serving if task))


@pytest.fixture
def upstreams() -> list[Upstream]:
    """Two servers, none of which listens yet."""
    return [Upstream(), Upstream()]


@pytest.fixture
def nginx(tmp_path: Path, upstreams: list[Upstream]) -> Generator[Nginx]:
    """A real one in front of them."""
    with fronting(tmp_path, [each.port for each in upstreams]) as nginx:
        yield nginx


def client(nginx: Nginx) -> httpx.AsyncClient:
    """Somebody who trusts its certificate."""
    return httpx.AsyncClient(base_url=nginx.url, verify=nginx.tls.trust)


async def test_what_a_server_is_told(nginx: Nginx, upstreams: list[Upstream]) -> None:
    """The visitor's address and scheme as nginx sees them, whatever the visitor claims; and who was asked for."""
    claimed = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Forwarded-Proto": "http"}
    async with upstreams[0].listening(), client(nginx) as http:
        told = (await http.get("/healthz", headers=claimed)).json()
        assert told[0] == "GET /healthz HTTP/1.1"
        assert {"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", f"Host: localhost:{nginx.port}"} <= set(told)
        assert [line for line in told if "203.0.113.9" in line] == []
        kept = ("/metrics", "/readyz", "/metrics%0a", "/readyz%0A?x")
        assert [(await http.get(path)).status_code for path in kept] == [404] * 4
        secret = await http.get("/exports/a-secret-token", params={"token": "another-secret"})
        assert secret.status_code == 200
    async with httpx.AsyncClient(verify=nginx.tls.trust) as http:
        plain = await http.get(f"http://localhost:{nginx.plain_port}/links/x?token=1")
    assert (plain.status_code, plain.headers["location"]) == (301, "https://localhost/links/x?token=1")
    log = (nginx.folder / "access.log").read_text()
    assert "GET /exports/... HTTP/1.1" in log
    assert "secret" not in log


async def test_without_servers_answers_are_typed(nginx: Nginx, upstreams: list[Upstream]) -> None:
    """503 as GraphQL or as a problem document, to be tried again; what is too large is refused by nginx itself."""
    async with client(nginx) as http:
        graphql = await http.post("/graphql", json={"query": "{ __typename }"})
        assert (graphql.status_code, graphql.headers["retry-after"]) == (503, "1")
        assert graphql.headers["content-type"] == "application/graphql-response+json"
        assert graphql.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}
        problem = await http.post("/auth/register", json={})
        assert (problem.status_code, problem.headers["content-type"]) == (503, "application/problem+json")
        assert (problem.json()["code"], problem.json()["retryAfter"]) == ("UNAVAILABLE", 1)
        large = b"x" * (12 * 1024 * 1024 + 1)
        refused = [await http.post(path, content=large) for path in ("/graphql", "/webhooks/mail")]
        assert [answer.status_code for answer in refused] == [413, 413]
        assert refused[0].json()["errors"][0]["extensions"]["code"] == refused[1].json()["code"] == "BAD_USER_INPUT"
    async with upstreams[0].listening(), client(nginx) as http:
        upstreams[0].status, upstreams[0].body = "503 Service Unavailable", b"ours"
        assert (await http.post("/auth/register", json={})).text == "ours"  # what a server says is passed on


async def test_a_mutation_is_never_sent_twice(nginx: Nginx, upstreams: list[Upstream]) -> None:
    """A GET whose server breaks off goes to the next one, a POST does not: it may have happened."""
    first, second = upstreams
    async with first.listening(), second.listening(), client(nginx) as http:
        first.breaks_off = second.breaks_off = True
        assert (await http.post("/graphql", json={})).status_code == 503
        assert first.served + second.served == 1
        second.breaks_off = False
        assert [(await http.get("/healthz")).status_code for _ in range(4)] == [200] * 4
        assert first.served > 0


async def test_what_was_never_sent_goes_to_the_next_server(nginx: Nginx, upstreams: list[Upstream]) -> None:
    """A server whose port is closed costs nobody an answer. Whoever asks too much is told so, as all else is."""
    async with upstreams[1].listening(), client(nginx) as http:
        answers = [await http.post("/graphql", json={}) for _ in range(10)]
        assert {answer.status_code for answer in answers} == {200}
        while answers[-1].status_code == 200:
            answers += await asyncio.gather(*(http.post("/graphql", json={}) for _ in range(20)))
        refused = answers[-1]
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 1}
    assert len(answers) > 200


async def test_a_network_of_ipv6_is_one_client(nginx: Nginx, upstreams: list[Upstream]) -> None:
    """Whoever has a network changes addresses at will; others are not counted with them, nor are those of IPv4."""
    others = ("2001:db8:0:2::1", "2001:db8:0:1:1::", "198.51.100.7", "198.51.100.8")
    async with upstreams[0].listening(), client(nginx) as http:

        async def status(address: str) -> int:
            return (await http.get("/healthz", headers={"X-Of-Another-Proxy": address})).status_code

        def theirs(number: int) -> str:
            return f"2001:db8::{number:x}" if number % 2 else f"2001:db8:0:0:{number:x}::1"

        statuses = set[int]()
        for start in range(1, 2000, 20):
            statuses |= set(await asyncio.gather(*(status(theirs(start + each)) for each in range(20))))
            if 429 in statuses:
                break
        assert statuses == {200, 429}
        assert [await status(address) for address in others] == [200] * 4


async def test_a_new_socket_goes_past_a_server_that_drains(nginx: Nginx, upstreams: list[Upstream]) -> None:
    """A 503 in place of the handshake is that server's alone, and no failure for anything else."""
    first, second = upstreams
    first.status = second.status = "503 Service Unavailable"
    address = nginx.url.replace("https", "wss", 1) + "/graphql"
    async with first.listening(), second.listening(), client(nginx) as http:
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(address, subprotocols=PROTOCOL, ssl=nginx.tls.trust, proxy=None)
        assert (first.served, second.served) == (1, 1)
        first.status = second.status = "200 OK"
        assert [(await http.post("/graphql", json={})).status_code for _ in range(4)] == [200] * 4
