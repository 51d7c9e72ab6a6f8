"""Migration 0018: the table of flags comes and goes, and nothing else does."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from adapters.database.migrating import downgrade, migrate
from models import FeatureFlag
from tests.services.schemas import count, opened

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BEFORE = "0017_measures"


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """A key has one row. On the way down flags are as they were declared again; who is there stays."""
    url = empty_database_url
    await migrate(url, BEFORE)
    async with opened(url) as database:
        now = NOW if database.dialect == "postgres" else NOW.isoformat(" ")
        await database.execute(
            "INSERT INTO users (email, email_key, password_hash, role, created_at)"
            " VALUES ('ada@example.com', 'ada@example.com', '-', 'USER', $1)",
            [now],
        )
    for _ in range(2):
        await migrate(url, "0018_flags")
        async with opened(url) as database:
            with database.bound():
                row: dict[str, Any] = {"key": "a", "rollout": 10_000, "killed": True, "version": 1, "changed_at": NOW}
                await FeatureFlag.create(**row)
                with pytest.raises(IntegrityError):
                    await FeatureFlag.create(**row)
        assert await count(url, "users", "feature_flags") == [1, 1]
        await downgrade(url, BEFORE)
        assert await count(url, "users") == [1]
