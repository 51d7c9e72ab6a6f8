"""Migration 0028: the index over batches of interactions comes and goes, and nothing else does."""

from adapters.database import pending
from adapters.database.migrating import downgrade, migrate
from tests.services.schemas import opened, shapes_of
from tests.test_migrations import seed

NAME = "0028_batches_of_interactions"
PLAN = {
    "sqlite": "EXPLAIN QUERY PLAN SELECT 1 FROM interactions WHERE user_id = 1 AND batch = 'b'",
    "postgres": "SELECT indexdef FROM pg_indexes WHERE tablename = 'interactions'",
}


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """The tables are as they were; the rows of a batch are found by an index."""
    url = empty_database_url
    names = await pending(url)
    target = names[names.index(NAME) - 1]
    await migrate(url, target)
    await seed(url)
    old = await shapes_of(url)
    for _ in range(2):
        await migrate(url, NAME)
        async with opened(url) as database:
            assert "batch" in str(await database.rows(PLAN[database.dialect]))
        await downgrade(url, target)
        assert await shapes_of(url) == old
