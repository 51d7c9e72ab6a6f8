"""How many SQL statements each operation costs, counted in a server inside this process."""

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.operations import COUNTDOWN, FEED, LOGIN, REGISTER, credentials
from benchmarks.seeding import Seeded
from core.settings import Settings
from tests.clock import ManualClock
from tests.porchlight import Porchlight, running
from tests.services.valkey import until

Statements = dict[str, int]


async def count(settings: Settings, seeded: Seeded, clock: ManualClock) -> Statements:
    """Statements of each operation. What begins and ends a transaction is not counted."""
    async with running(settings, clock) as porchlight:
        await until(lambda: porchlight.app.items.ready, within=30)
        token, email = seeded.tokens[0], seeded.emails[0]

        async def subscribe() -> None:
            async with porchlight.connect(token=token) as connection:
                await connection.subscribe(COUNTDOWN)
                await connection.next()

        return {
            "feed": await _counted(porchlight, lambda: porchlight.ask(FEED, token=token)),
            "login": await _counted(porchlight, lambda: porchlight.ask(LOGIN, credentials(email))),
            "register": await _counted(porchlight, lambda: porchlight.ask(REGISTER, credentials("new@example.com"))),
            "countdown": await _counted(porchlight, subscribe),
            "tick": await _ticks(porchlight, token),
        }


async def _counted(porchlight: Porchlight, operation: Callable[[], Awaitable[Any]]) -> int:
    with porchlight.counting_queries() as statements:
        await operation()
    return len(statements)


async def _ticks(porchlight: Porchlight, token: str) -> int:
    """Statements of one tick of an open countdown."""
    async with porchlight.connect(token=token) as connection:
        await connection.subscribe(COUNTDOWN)
        await connection.next()

        async def tick() -> None:
            await porchlight.clock.run(1)
            await connection.next()

        return await _counted(porchlight, tick)
