"""Addresses that letters carry. Their host comes from the settings, never from a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.one_time_tokens import Purpose
    from services.app import App


def link(app: App, purpose: Purpose, token: str) -> str:
    """Where a person goes with a token: a page that asks before anything changes, ours or FRONTEND_URL's."""
    home = app.settings.frontend_url or app.settings.public_url
    return f"{home}/links/{purpose.lower().replace('_', '-')}?token={token}"
