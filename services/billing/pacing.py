"""The pace of the questions that jobs ask of the provider. People who wait for an answer do not stand in this line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.app import App

QUESTIONS = 15
"""A second, of all processes together where they share their limits; Stripe takes 25 of each kind."""


async def turn(app: App) -> None:
    """Return when one more question is within the bound."""
    # ruff: ignore[async-busy-wait] -- the answer says how long to wait
    while wait := await app.limits.hit("payments.questions", limit=QUESTIONS, window=1.0):
        await asyncio.sleep(wait)
