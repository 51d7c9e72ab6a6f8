"""Breached passwords, asked of a list that speaks the range API and may fail in any way."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from adapters.breaches import Breaches, RangeBreaches, UnaskedBreaches, open_breaches
from tests.conftest import Start
from tests.porchlight import REGISTER

LEAKED = "hunter and gatherer of the north"
DIGEST = hashlib.sha1(LEAKED.encode(), usedforsecurity=False).hexdigest().upper()
PADDING = "0" * 35
OTHERS = f"{'1' * 35}:3\r\n{PADDING}:0"


@dataclass
class Served:
    """A list on a real port: what it was asked, and what it answers."""

    answer: bytes
    delay: float = 0.0
    asked: list[str] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/range"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.serving.add(task)
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        await asyncio.sleep(self.delay)
        with suppress(ConnectionError):  # the client has heard enough
            writer.write(self.answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()


def http(body: str, status: str = "200 OK", headers: str = "") -> bytes:
    """An answer on the wire."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n{body}".encode()


@asynccontextmanager
async def served(answer: bytes, delay: float = 0.0) -> AsyncGenerator[Served]:
    """A list that answers everything so."""
    here = Served(answer, delay)
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    async with server:
        yield here
    await asyncio.gather(*here.serving)


@asynccontextmanager
async def asking(url: str, **options: float) -> AsyncGenerator[RangeBreaches]:
    breaches = RangeBreaches(url, **options)
    try:
        yield breaches
    finally:
        await breaches.close()


async def test_both_variants_are_the_port() -> None:
    """An empty URL asks nobody."""
    nobody, online = open_breaches(""), open_breaches("https://list.example/range")
    assert isinstance(nobody, Breaches)
    assert isinstance(nobody, UnaskedBreaches)
    assert isinstance(online, Breaches)
    assert isinstance(online, RangeBreaches)
    assert await nobody.knows(LEAKED) is False
    assert not nobody.degraded
    for breaches in (nobody, online):
        await breaches.close()


async def test_a_leaked_password_is_known_by_five_characters_of_its_hash() -> None:
    """Nothing else of it leaves us, and the answer's length is padded."""
    async with served(http(f"{OTHERS}\r\n{DIGEST[5:].lower()}:12\r\n")) as here, asking(here.url) as breaches:
        assert await breaches.knows(LEAKED) is True
        assert await breaches.knows("another one") is False
        assert not breaches.degraded
    first = here.asked[0]
    assert first.startswith(f"GET /range/{DIGEST[:5]} HTTP/1.1\r\n")
    assert "add-padding: true" in first.lower()
    assert DIGEST[5:] not in first.upper()


async def test_padding_is_nothing_known() -> None:
    """Lines that were never seen make all answers equally long."""
    async with served(http(f"{DIGEST[5:]}:0")) as here, asking(here.url) as breaches:
        assert await breaches.knows(LEAKED) is False


@pytest.mark.parametrize(
    ("answer", "delay"),
    [
        (http("no", "500 Internal Server Error"), 0),
        (http("", "302 Found", "Location: https://evil.example/\r\n"), 0),
        (http(f"{DIGEST[5:]}:1"), 0.5),
        (http("x" * 300_000), 0),
        (b"", 0),
        (b"no HTTP at all\r\n\r\n", 0),
        (http(f"{DIGEST[5:]}:1")[:-10], 0),
    ],
)
async def test_a_list_that_fails_stops_nobody(answer: bytes, delay: float) -> None:
    """The password is accepted within the deadline, and for a while nobody asks again."""
    async with served(answer, delay) as here, asking(here.url, deadline=0.2) as breaches:
        begun = asyncio.get_running_loop().time()
        assert await breaches.knows(LEAKED) is False
        assert asyncio.get_running_loop().time() - begun < 0.45
        assert breaches.degraded
        assert await breaches.knows(LEAKED) is False
        assert len(here.asked) == 1


async def test_a_list_that_is_away_is_asked_again_later() -> None:
    """Once it is back, it is known to be."""
    async with served(http("no", "503 Service Unavailable")) as here, asking(here.url, cool_down=0.0) as breaches:
        assert await breaches.knows(LEAKED) is False
        assert breaches.degraded
        here.answer = http(f"{DIGEST[5:]}:1")
        assert await breaches.knows(LEAKED) is True
        assert not breaches.degraded


async def test_nobody_listens() -> None:
    """A closed port is a list that is lost."""
    async with served(b"") as here:
        pass
    async with asking(here.url) as breaches:
        assert await breaches.knows(LEAKED) is False
        assert breaches.degraded


async def test_a_leaked_password_is_refused_at_the_door(start: Start) -> None:
    """As a common one; when the list is lost, readiness and a metric tell, and people can register."""
    async with served(http(f"{DIGEST[5:]}:12")) as here:
        porchlight = await start(breaches_url=here.url)
        given = {"email": "ada@example.com", "password": LEAKED}
        result = (await porchlight.ask(REGISTER, {"input": given}))["register"]
        assert (result["__typename"], result["reasons"]) == ("InvalidPassword", ["TOO_COMMON"])
        here.answer = http("", "500 Internal Server Error")
        await porchlight.register(password=LEAKED)
    ready = (await porchlight.http.get("/readyz")).json()
    assert (ready["status"], ready["parts"]["breaches"]) == ("ready", "degraded")
    assert 'porchlight_degraded{port="breaches"} 1.0' in (await porchlight.http.get("/metrics")).text
