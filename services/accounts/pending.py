# ruff: file-ignore[unused-async, unused-function-argument] -- the forms that their callers rely on
"""What two links in letters do: the places where their services are connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.accounts.links import InvalidLink

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client


async def report_by_token(app: App, token: str, client: Client) -> None:
    """End the session that a letter asks about. Raises InvalidLink: no such link is out yet."""
    raise InvalidLink


async def cancel_deletion_by_token(app: App, token: str, client: Client) -> None:
    """Keep the account that is going to be deleted. Raises InvalidLink: no such link is out yet."""
    raise InvalidLink
