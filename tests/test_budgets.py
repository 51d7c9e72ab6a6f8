"""What people may spend on vendors' models."""

import asyncio

from models import ModelSpend
from services import budgets
from services.budgets import spending
from tests.porchlight import Porchlight


async def test_what_is_left_for_one_is_had_by_one(porchlight: Porchlight) -> None:
    """Of two questions at once that both want the rest of the day, one is reserved; what it did not cost comes back."""
    ada = await porchlight.register("ada@example.com")
    app, half = porchlight.app, spending.DAILY_TOKENS // 2 + 1
    with app.database.bound():
        first, second = await asyncio.gather(*(budgets.reserve(app, ada.user_id, half) for _ in range(2)))
        reservation = first or second
        assert reservation is not None
        assert None in {first, second}
        await budgets.settle(app, reservation, 70)
        assert await ModelSpend.all().values_list("tokens", "day") == [(70, "2026-03-02")]
        assert await budgets.reserve(app, ada.user_id, half) is not None
