"""Migration 0026: the table of models comes and goes, and nothing else does."""

from datetime import UTC, datetime

from adapters.database.migrating import downgrade, migrate
from models import CollaborativeModel
from tests.services.schemas import count, opened
from tests.test_migrations import seed

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """What was learnt is learnt again after coming back; who is there stays."""
    url = empty_database_url
    await migrate(url, "0025_slates")
    await seed(url)
    people = await count(url, "users")
    for _ in range(2):
        await migrate(url, "0026_collaborative")
        async with opened(url) as database:
            with database.bound():
                await CollaborativeModel.create(
                    format=1, kind="ease", items=0, people=0, interactions=0, newest_interaction=0, fitted_at=NOW,
                    sha256="0" * 64, content=b"\0",
                )  # fmt: skip
        assert await count(url, "users", "collaborative_models") == [*people, 1]
        await downgrade(url, "0025_slates")
        assert await count(url, "users") == people
