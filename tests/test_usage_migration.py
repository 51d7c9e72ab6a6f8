"""The tables of usage come and go over a database that people already use."""

from datetime import UTC, datetime, timedelta
from typing import Any

from models import UsageCounter, UsageRecord, UsageReservation
from tests.coming_and_going import come_and_go
from tests.services.schemas import opened

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TABLES = ("usage_counters", "usage_records", "usage_reservations")


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the three tables and nothing else; coming up again leaves them empty and as the models say."""
    await come_and_go(empty_database_url, "_usage", TABLES, used)


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
