"""How fast usage is counted by the service alone, on both databases: `python -m benchmarks.usage`.

One process, no HTTP; each figure is that of a fresh database, and the ratios are to one report after another on it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count

from benchmarks.processes import PROFILES
from core.settings import Settings
from models.accounts import User
from services import usage
from services.app import App, open_app
from services.billing import Feature

SECONDS = 2.0  # for each figure
AT_ONCE = 50
METER = "api-calls"

_numbers = count()


def entry() -> usage.Entry:
    """A report that nobody has made yet."""
    return usage.Entry(METER, 1, f"{next(_numbers)}")


async def rate(call: Callable[[], Awaitable[object]], reports: int) -> float:
    """Reports a second, when each call makes so many of them."""
    await call()
    made, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        await call()
        made += reports
    return made / (time.perf_counter() - began)


async def figures(app: App) -> None:
    """Print them. Users have no limit, so that each report is counted."""
    now = app.clock.now()
    values = [
        User(email=f"{n}", email_key=f"{n}", password_hash="-", created_at=now)  # ruff: ignore[hardcoded-password-func-arg] -- of nobody who signs in
        for n in range(AT_ONCE)
    ]
    await User.bulk_create(values)
    people = [user.id for user in await User.all().order_by("id")]
    one = people[0]
    free = replace(app.catalogue.base_plan, features=(Feature(METER, enabled=True, limit=None),))
    app.catalogue = replace(app.catalogue, base_plan=free)

    async def together(users: list[int]) -> None:
        await asyncio.gather(*(usage.record(app, user, entry()) for user in users))

    async def batch(size: int) -> None:
        await usage.record_all(app, [(one, entry()) for _ in range(size)])

    async def reserve_and_commit() -> None:
        actor = await User.get(id=one)
        reserved = await usage.reserve(app, one, entry())
        await usage.commit(app, actor, reserved.row.key, None)

    alone = await rate(lambda: usage.record(app, one, entry()), 1)
    print(f"  {'one report after another':<44} {alone:8,.0f}/s   1.0")
    for name, call, reports in (
        (f"{AT_ONCE} at once, of one user", lambda: together([one] * AT_ONCE), AT_ONCE),
        (f"{AT_ONCE} at once, of as many users", lambda: together(people), AT_ONCE),
        ("batches of 100", lambda: batch(100), 100),
        ("batches of 1,000", lambda: batch(1000), 1000),
        ("reserved and committed", reserve_and_commit, 1),
    ):
        reached = await rate(call, reports)
        print(f"  {name:<44} {reached:8,.0f}/s   {reached / alone:.1f}")


async def measure(settings: Settings) -> None:
    """The figures of one profile."""
    async with open_app(settings) as app:
        await figures(app)


def main() -> None:
    """Both profiles."""
    logging.getLogger("tortoise.db_client").propagate = False
    for opened in PROFILES:
        with opened() as profile:
            print(profile.name)
            asyncio.run(measure(profile.settings))


if __name__ == "__main__":
    main()
