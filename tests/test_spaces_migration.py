"""The tables of spaces and of budgets come and go over a database that people already use."""

from datetime import UTC, datetime
from typing import Any

from models import EmbeddingProcess, EmbeddingSpace, ModelReservation, PlanSpend, ServingSpace, User
from tests.coming_and_going import come_and_go
from tests.services.schemas import opened

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TABLES = ("embedding_spaces", "embedding_processes", "model_reservations", "plan_spends", "serving_space")


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the tables; coming up again leaves them as the models say."""
    await come_and_go(empty_database_url, "_spaces_and_budgets", TABLES, used)


async def used(url: str) -> None:
    """Two rows of each."""
    async with opened(url) as database, database.transaction():
        for number, user in enumerate(await User.all().order_by("id"), start=1):
            space = await EmbeddingSpace.create(model="m", dimension=number, version="1", url="local://", used_at=NOW)
            await ServingSpace.create(id=number, space=space, since=NOW)
            await EmbeddingProcess.create(name=f"{number}", space=space, seen_at=NOW)
            spent: Any = {"plan": f"{number}", "day": "2026-11-28", "tokens": 1, "micros": 1}
            await PlanSpend.create(**spent)
            await ModelReservation.create(**spent, user=user, model="m", expires_at=NOW)
