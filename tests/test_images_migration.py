"""The table of what was seen in images comes and goes over a database that people already use."""

from datetime import UTC, datetime
from typing import Any

from models import ImageAnalysis
from tests.coming_and_going import come_and_go
from tests.services.schemas import opened

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the table and nothing else; coming up again leaves it empty and as the models say."""
    await come_and_go(empty_database_url, "_images", ("image_analyses",), seen)


async def seen(url: str) -> None:
    """A row for each user."""
    async with opened(url) as database:
        for row in await database.rows("SELECT id FROM users ORDER BY id"):
            mine: Any = {"user_id": row["id"], "fingerprint": "f", "model": "m", "prompt_version": "1.1"}
            async with database.transaction():
                await ImageAnalysis.create(**mine, tags=[["cooking", 0.4]], confidence=0.4, created_at=NOW)
