"""The letter that follows a registration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.trials import Trial
from services import jobs
from services.notifications.letters import deliver

if TYPE_CHECKING:
    from services.app import App

WELCOME = "mail.welcome"


async def welcome(app: App, user: User) -> None:
    """Write the job of the welcome letter, inside the caller's transaction."""
    await jobs.enqueue(app, WELCOME, {"user_id": user.id}, dedup_key=f"{WELCOME}:{user.id}")


async def send_welcome(app: App, payload: dict[str, Any]) -> None:
    """Deliver the welcome letter. Nobody is there to read it when the account has gone: then nothing is sent.

    Raises Unavailable, MailRejected.
    """
    user = await User.get_or_none(id=payload["user_id"])
    if user is None:
        return
    trial = await Trial.get_or_none(user_id=user.id)
    plan = app.catalogue.plans[trial.plan_key] if trial else None
    await deliver(app, user, name="welcome", subject="Welcome to Porchlight", key=str(user.id), trial=trial, plan=plan)
