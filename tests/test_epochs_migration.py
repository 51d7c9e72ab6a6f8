"""Migration 0027: how often somebody has said otherwise comes and goes, and nothing else does."""

from adapters.database.migrating import downgrade, migrate
from models import User
from tests.services.schemas import count, opened
from tests.test_migrations import seed


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Everybody begins at 0, also when it comes back; who is there stays."""
    url = empty_database_url
    await migrate(url, "0026_collaborative")
    await seed(url)
    [people] = await count(url, "users")
    for _ in range(2):
        await migrate(url, "0027_epochs")
        async with opened(url) as database:
            with database.bound():
                assert await User.filter(personalization_epoch=0).count() == people
                await User.all().update(personalization_epoch=3)
        await downgrade(url, "0026_collaborative")
        assert await count(url, "users") == [people]
