"""Migration 0015 over events that are there: they stay, and a key of their sender's is theirs once."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from adapters.database.migrating import downgrade, migrate
from models import Event, EventDay, User
from tests.services.schemas import count, opened

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BEFORE = "0014_mail_preferences"


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Events and users outlive the way down and up; people consent until they say otherwise."""
    url = empty_database_url
    await migrate(url, BEFORE)
    async with opened(url) as database:
        now = NOW if database.dialect == "postgres" else NOW.isoformat(" ")
        for user_id in (1, 2):
            await database.execute(
                "INSERT INTO users (email, email_key, password_hash, role, created_at)"
                " VALUES ($1, $1, '-', 'USER', $2)",
                [f"person{user_id}@example.com", now],
            )
            await database.execute(
                "INSERT INTO events (name, version, user_id, at, properties) VALUES ('trial.started', 1, $1, $2, '{}')",
                [user_id, now],
            )
    for again in (False, True):
        await migrate(url)
        async with opened(url) as database:
            with database.bound():
                assert [user.analytics_consent for user in await User.all()] == [True, True]
                told: dict[str, Any] = {
                    "name": "page.viewed",
                    "version": 1,
                    "at": NOW,
                    "properties": {},
                    "idempotency_key": "k",
                }
                for user_id in (1, 2):
                    await Event.create(user_id=user_id, **told)
                with pytest.raises(IntegrityError):
                    await Event.create(user_id=1, **told)
                await EventDay.create(day=date(2026, 11, 28), name="page.viewed", count=2, users=2)
        assert await count(url, "users", "events", "event_days") == [2, 4, 1]
        if not again:
            async with opened(url) as database:
                await database.execute("DELETE FROM events WHERE idempotency_key IS NOT NULL")
            await downgrade(url, BEFORE)
            assert await count(url, "users", "events") == [2, 2]
