"""Flags on real processes and real time: a kill reaches all of them in two seconds, whatever is lost besides."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from signal import SIGKILL, SIGTERM
from typing import Any

import httpx

from models import Event, Role, Session, User
from tests.porchlight import PASSWORD, REGISTER, SECRET
from tests.program import Program, Programs, free_port
from tests.services.postgres import PostgresServer, name_of
from tests.services.schemas import opened
from tests.services.valkey import RestartableValkey, until

BOUND = 2.0
WHO = {"email": "ada@example.com", "password": PASSWORD}
FLAGS = "query Flags($keys: [String!]) { featureFlags(keys: $keys) { key enabled } }"
SET = """
mutation Set($key: String!, $killed: Boolean!) {
  setFeatureFlag(key: $key, rolloutPercent: 100, killed: $killed) { killed }
}
"""
SWITCH, MEASURED = "plan-change-preview", "onboarding-checklist"


def environment(database_url: str, redis_url: str) -> dict[str, str]:
    """What all processes share. They leave the jobs alone."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET,
        "JOBS": "external",
        "PUBLIC_URL": "http://127.0.0.1:8000",
    }


async def pair(programs: Programs, shared: dict[str, str]) -> tuple[Program, Program]:
    """Two processes."""
    here, there = programs.serve(**shared), programs.serve(**shared)
    return await here.listening(), await there.listening()


async def administrator(program: Program, database_url: str) -> str:
    """The access token of somebody who may set flags."""
    registered = (await program.ask(REGISTER, {"input": WHO}))["register"]
    async with opened(database_url) as database:
        with database.bound():
            await User.all().update(role=Role.ADMIN)
            session = await Session.get()
            await Session.all().update(assurance=2, factor_at=session.created_at)
    token: str = registered["tokens"]["accessToken"]
    return token


async def is_on(program: Program, key: str = SWITCH, token: str | None = None) -> bool:
    """Whether a flag is on: without a token no row is read."""
    (flag,) = (await program.ask(FLAGS, {"keys": [key]}, token))["featureFlags"]
    return bool(flag["enabled"])


async def put(program: Program, token: str, *, killed: bool, key: str = SWITCH) -> float:
    """Set a flag; the moment, on real time, at which that was answered."""
    assert await program.ask(SET, {"key": key, "killed": killed}, token) == {"setFeatureFlag": {"killed": killed}}
    return time.monotonic()


async def follows(program: Program, answered: float, *, on: bool) -> None:
    """Within the bound the process says the same."""

    async def said() -> bool:
        return await is_on(program) is on

    await until(said, BOUND + 3)
    assert time.monotonic() - answered < BOUND


async def test_a_kill_reaches_all_processes_within_two_seconds(
    programs: Programs, postgres_url: str, restartable_valkey: RestartableValkey
) -> None:
    """By the bus; by the look at the table where it is mute or gone. So does what brings the flag back."""
    here, there = await pair(programs, environment(postgres_url, restartable_valkey.url))
    token = await administrator(here, postgres_url)
    assert await is_on(here)
    assert await is_on(there)
    await turned_off_and_on(here, there, token)
    restartable_valkey.pause()
    await turned_off_and_on(here, there, token)
    restartable_valkey.resume()
    await restartable_valkey.kill()
    await turned_off_and_on(here, there, token)
    await restartable_valkey.start()


async def turned_off_and_on(here: Program, there: Program, token: str) -> None:
    """What is set on one process holds there at once, and on the other within the bound."""
    for killed in (True, False):
        answered = await put(here, token, killed=killed)
        await follows(there, answered, on=not killed)
        assert await is_on(here) is not killed


async def test_the_last_that_was_known_outlives_the_database(
    programs: Programs, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """While nobody can connect, a process says what it knew; afterwards all follow again.

    There is no bus from the start. What was met at the moment of SIGTERM is written; what SIGKILL took along is noted
    again when it happens again, and written once.
    """
    shared = environment(postgres_url, f"redis://127.0.0.1:{free_port()}/0")
    here, there = await pair(programs, shared)
    token = await administrator(here, postgres_url)
    await follows(there, await put(here, token, killed=True), on=False)
    await put(here, token, killed=False, key=MEASURED)
    async with away(postgres_server, postgres_url):
        await until(lambda: "flags.not_read" in there.err + there.out)
        assert [await is_on(program) for program in (here, there)] == [False, False]

    async def answers() -> bool:
        return "errors" not in await asked(here, token)

    await until(answers, 10)
    await follows(there, await put(here, token, killed=False), on=True)
    assert await is_on(here, MEASURED, token)
    assert await here.stop(SIGKILL) == -SIGKILL
    assert await exposed(postgres_url) <= 1
    await asyncio.gather(*(is_on(there, MEASURED, token) for _ in range(5)))
    assert await there.stop(SIGTERM) == 0
    assert await exposed(postgres_url) == 1


@asynccontextmanager
async def away(server: PostgresServer, url: str) -> AsyncGenerator[None]:
    """Meanwhile nobody is connected to the database, and nobody can be."""
    await server._administer(f'ALTER DATABASE "{name_of(url)}" ALLOW_CONNECTIONS false')
    await server.cut(url)
    try:
        yield
    finally:
        await server._administer(f'ALTER DATABASE "{name_of(url)}" ALLOW_CONNECTIONS true')


async def asked(program: Program, token: str) -> dict[str, Any]:
    """What a question that needs the database is answered."""
    async with httpx.AsyncClient(base_url=program.url, headers={"Authorization": f"Bearer {token}"}) as http:
        answer: dict[str, Any] = (await http.post("/graphql", json={"query": "{ me { id } }"})).json()
    return answer


async def exposed(database_url: str) -> int:
    """How many exposures there are."""
    async with opened(database_url) as database:
        with database.bound():
            return await Event.filter(name="flag.exposed").count()
