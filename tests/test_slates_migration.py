"""Migration 0025: frozen lists and what came of them come and go, and nothing else does."""

from datetime import UTC, datetime

from adapters.database.migrating import downgrade, migrate
from models import RecommendationDay, User
from tests.services.schemas import count, opened
from tests.test_migrations import seed

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LIST = """
INSERT INTO recommendation_slates (user_id, number, strategy, items, grounds, created_at, expires_at)
VALUES ($1, 1, 'catalogue', '[]', '[]', $2, $2)
"""
"""A list as that version wrote it."""


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Lists are made anew after coming back, and counting begins anew; who is there stays."""
    url = empty_database_url
    await migrate(url, "0024_profile")
    await seed(url)
    people = await count(url, "users")
    for _ in range(2):
        await migrate(url, "0025_slates")
        async with opened(url) as database:
            with database.bound():
                [user_id, *_] = await User.all().order_by("id").values_list("id", flat=True)
                await database.execute(LIST, [user_id, NOW])
                await RecommendationDay.create(day="2026-11-28", strategy="catalogue", slot=1, impressions=1, clicks=0)
        found = await count(url, "users", "recommendation_slates", "recommendation_days")
        assert found == [*people, 1, 1]
        await downgrade(url, "0024_profile")
        assert await count(url, "users") == people
