"""The letter that follows a registration."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from models.accounts import User
from models.one_time_tokens import Purpose
from models.trials import Trial
from services import jobs, one_time_tokens
from services.languages import phrase, phrases
from services.notifications.letters import deliver, name_to_greet
from services.notifications.links import link

if TYPE_CHECKING:
    from models.jobs import Job
    from services.app import App

WELCOME = "mail.welcome"
VERIFICATION_LIFETIME = timedelta(hours=24)
"""Of a link that only proves that somebody reads an address."""


def welcome(app: App, user: User) -> Job:
    """The job of the welcome letter, not stored yet."""
    return jobs.job(app, WELCOME, {"user_id": user.id}, dedup_key=f"{WELCOME}:{user.id}")


async def send_welcome(app: App, payload: dict[str, Any]) -> None:
    """Deliver the welcome letter, with a link that proves its address where that is still to be done.

    Nobody is there to read it when the account has gone: then nothing is sent. A second delivery is the same letter
    with another link; both work.

    Raises Unavailable, MailRejected.
    """
    user = await User.get_or_none(id=payload["user_id"])
    if user is None:
        return
    trial = await Trial.get_or_none(user_id=user.id)
    plan = app.catalogue.plans[trial.plan_key] if trial else None
    await deliver(
        app,
        user,
        template="welcome",
        subject=phrase("Welcome to Porchlight"),
        key=str(user.id),
        name=name_to_greet(user),
        trial=phrases(
            "%(plan)s is yours for %(number)s day.",
            "%(plan)s is yours for %(number)s days.",
            plan.trial_days,
            plan=plan.name,
        )
        if plan
        else None,
        plan=plan.name if plan else None,
        ends_at=trial.ends_at if trial else None,
        valid_for=VERIFICATION_LIFETIME,
        url=None if user.email_verified_at else await _verification(app, user),
    )


async def _verification(app: App, user: User) -> str:
    token = await one_time_tokens.issue(
        app, Purpose.VERIFY_EMAIL, lifetime=VERIFICATION_LIFETIME, user_id=user.id, address=user.email_key
    )
    return link(app, Purpose.VERIFY_EMAIL, token)
