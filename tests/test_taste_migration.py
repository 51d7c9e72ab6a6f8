"""Migration 0029: how often what is known of somebody has changed comes and goes; lists from before are no news."""

from adapters.database.migrating import downgrade, migrate
from models import RecommendationSlate, User
from tests.services.schemas import count, opened
from tests.test_migrations import seed
from tests.test_slates_migration import LIST, NOW


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Everybody begins at 0. A list from before is of no taste, so that it is neither shown again nor taken as told."""
    url = empty_database_url
    await migrate(url, "0028_batches_of_interactions")
    await seed(url)
    async with opened(url) as database:
        with database.bound():
            [user_id, *_] = await User.all().order_by("id").values_list("id", flat=True)
            await database.execute(LIST, [user_id, NOW])
    rows = await count(url, "users", "recommendation_slates")
    for _ in range(2):
        await migrate(url, "0029_taste")
        async with opened(url) as database:
            with database.bound():
                assert await User.filter(taste=0).count() == rows[0]
                [old] = await RecommendationSlate.all()
                assert (old.taste, old.revision, old.basis, old.excludes_seen, old.made_at) == (
                    None, None, None, False, None,
                )  # fmt: skip
                await User.all().update(taste=3)
                await RecommendationSlate.all().update(taste=3, basis="b")
        await downgrade(url, "0028_batches_of_interactions")
        assert await count(url, "users", "recommendation_slates") == rows
