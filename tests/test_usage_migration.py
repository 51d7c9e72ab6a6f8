"""The tables of usage come and go over a database that people already use."""

from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.database import pending
from adapters.database.migrating import downgrade, migrate
from models import UsageCounter, UsageRecord, UsageReservation
from tests.services.schemas import count, opened, shapes_of
from tests.test_migrations import seed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TABLES = ("usage_counters", "usage_records", "usage_reservations")


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the three tables and nothing else; coming up again leaves them empty and as the models say."""
    url = empty_database_url
    names = await pending(url)
    name = next(each for each in names if each.endswith("_usage"))
    before, after = names[: names.index(name)], names[names.index(name) :]
    await migrate(url)
    whole = await shapes_of(url)
    await seed(url)
    await used(url)
    assert await count(url, "users", *TABLES) == [2, 2, 2, 2]
    assert await downgrade(url, before[-1]) == after[::-1]
    assert not set(TABLES) & (await shapes_of(url)).keys()
    assert await count(url, "users", "trials") == [2, 2]
    assert await migrate(url) == after
    assert await shapes_of(url) == whole
    assert await count(url, "users", *TABLES) == [2, 0, 0, 0]
    await used(url)


async def used(url: str) -> None:
    """A row of each table for each user."""
    async with opened(url) as database:
        for row in await database.rows("SELECT id FROM users ORDER BY id"):
            mine: Any = {"user_id": row["id"], "meter": "m", "period": "2026-11"}
            async with database.transaction():
                await UsageCounter.create(**mine, used=2**53, ends_at=NOW)
                await UsageRecord.create(**mine, idempotency_key="k", quantity=2**53, recorded_at=NOW)
                times: Any = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
                await UsageReservation.create(**mine, key=f"{row['id']}", idempotency_key="k", quantity=1, **times)
