"""Events for figures: typed by name and version, written in the transactions of what they tell."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from models.analytics import Event

if TYPE_CHECKING:
    from datetime import datetime

    from services.app import App


class Name(StrEnum):
    """What happened, by the name that figures ask for."""

    TRIAL_STARTED = "trial.started"
    TRIAL_EXTENDED = "trial.extended"
    TRIAL_PAUSED = "trial.paused"
    TRIAL_RESUMED = "trial.resumed"
    TRIAL_CANCELED = "trial.canceled"
    TRIAL_PAYMENT_METHOD_ADDED = "trial.payment_method_added"
    TRIAL_PAYMENT_METHOD_REMOVED = "trial.payment_method_removed"
    TRIAL_CHARGE_FAILED = "trial.charge_failed"
    TRIAL_CONVERTED = "trial.converted"
    TRIAL_QUOTA_RAISED = "trial.quota_raised"
    TRIAL_ENDED = "trial.ended"
    TRIAL_WIN_BACK_SENT = "trial.win_back_sent"


VERSIONS: dict[Name, int] = {}
"""Versions of properties beyond the first."""


def event(name: Name, user_id: int, at: datetime, **properties: Any) -> Event:
    """An event that is not stored yet: for those who write many at once."""
    return Event(name=name, version=VERSIONS.get(name, 1), user_id=user_id, at=at, properties=properties)


async def record(app: App, name: Name, user_id: int, **properties: Any) -> None:
    """Write one event, inside the caller's transaction. Properties are states, keys and numbers, never a secret."""
    await event(name, user_id, app.clock.now(), **properties).save()
