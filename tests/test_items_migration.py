"""Migration 0022: what items require, when they can be had, and the number of the last change come and go."""

from datetime import UTC, datetime

from adapters.database.migrating import downgrade, migrate
from models import Item, ItemVector
from services.recommendations import revisions
from tests.services.schemas import count, opened

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BEFORE = "0020_budgets"
ITEM = """
INSERT INTO items (key, position, category, title, summary, tags, search, created_at)
VALUES ('a', 1, 'design', 'A', 'S', '[]', 'a', $1)
"""
VECTOR = """
INSERT INTO item_vectors (item_id, model, dimension, version, content, vector)
VALUES ((SELECT id FROM items), 'm', 1, '1', '-', $1)
"""


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Items that were there require nothing and can always be had; on the way down they and their vectors stay."""
    url = empty_database_url
    await migrate(url, BEFORE)
    async with opened(url) as database:
        await database.execute(ITEM, [NOW if database.dialect == "postgres" else NOW.isoformat(" ")])
        await database.execute(VECTOR, [b"\0\0\x80?"])
    for number in range(2):
        await migrate(url, "0022_items")
        async with opened(url) as database:
            with database.bound():
                row, vector = await Item.get(key="a"), await ItemVector.get(model="m")
                assert (row.requires, row.available_from, row.available_until, row.revision) == (None, None, None, 0)
                assert (vector.revision, vector.item_id) == (0, row.id)
                assert await revisions.present() == 0
                async with database.transaction():
                    assert await revisions.raised(database) == 1
                await Item.filter(key="a").update(requires="api-calls", available_from=NOW, revision=number + 1)
        assert await count(url, "items", "item_vectors", "catalogue_revisions") == [1, 1, 1]
        await downgrade(url, BEFORE)
        assert await count(url, "items", "item_vectors") == [1, 1]
