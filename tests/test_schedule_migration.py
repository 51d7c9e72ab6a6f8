"""The table of recurring work comes and goes over a database that people already use."""

from datetime import UTC, datetime

from models import ScheduleRun
from tests.coming_and_going import come_and_go
from tests.services.schemas import opened

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the table; coming up again leaves it as the models say."""
    await come_and_go(empty_database_url, "_schedule_runs", ("schedule_runs",), scheduled)


async def scheduled(url: str) -> None:
    """Two kinds."""
    async with opened(url) as database, database.transaction():
        for kind in ("a", "b"):
            await ScheduleRun.create(kind=kind, every=60, slot_at=NOW)
