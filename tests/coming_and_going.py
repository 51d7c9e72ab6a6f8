"""Tables that a migration adds, over a database that people already use."""

from collections.abc import Awaitable, Callable

from adapters.database import pending
from adapters.database.migrating import downgrade, migrate
from tests.services.schemas import count, shapes_of
from tests.test_migrations import seed


async def come_and_go(
    url: str, migration: str, tables: tuple[str, ...], fill: Callable[[str], Awaitable[None]]
) -> None:
    """Up, down and up again: going back takes these tables and nothing else, coming up leaves them as the models say.

    `migration` is the end of its name; `fill` writes a row into each table for each of two users, here twice.
    """
    names = await pending(url)
    name = next(each for each in names if each.endswith(migration))
    before, after = names[: names.index(name)], names[names.index(name) :]
    await migrate(url)
    whole = await shapes_of(url)
    await seed(url)
    await fill(url)
    assert await count(url, "users", *tables) == [2] * (1 + len(tables))
    assert await downgrade(url, before[-1]) == after[::-1]
    assert not set(tables) & (await shapes_of(url)).keys()
    assert await count(url, "users", "trials") == [2, 2]
    assert await migrate(url) == after
    assert await shapes_of(url) == whole
    assert await count(url, "users", *tables) == [2] + [0] * len(tables)
    await fill(url)
