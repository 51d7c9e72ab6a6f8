"""Passkeys as a second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.app import App


async def verify(app: App, user_id: int, response: Any) -> bool:  # ruff: ignore[unused-async, unused-function-argument] -- the form of what replaces it
    """Whether `response` is an assertion of one of the user's passkeys. There are none yet."""
    return False
