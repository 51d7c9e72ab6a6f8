"""The letter that follows a registration."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from models.accounts import User
from models.one_time_tokens import Purpose
from models.trials import Trial
from services import one_time_tokens
from services.languages import phrase, phrases
from services.notifications.letter import Delivery, Draft, Letter, Topic, letter_job
from services.notifications.letters import name_to_greet
from services.notifications.links import link

if TYPE_CHECKING:
    from models.jobs import Job
    from services.app import App
    from services.billing import Plan
    from services.languages import Phrase

WELCOME = "welcome"
VERIFICATION_LIFETIME = timedelta(hours=24)
"""Of a link that only proves that somebody reads an address."""


def welcome(app: App, user: User) -> Job:
    """The job of the welcome letter, not stored yet."""
    return letter_job(app, WELCOME, {"user_id": user.id}, dedup_key=f"mail.welcome:{user.id}")


async def _compose(app: App, delivery: Delivery) -> Draft | None:
    """The welcome, with a link that proves its address where that is still to be done.

    Nobody is there to read it when the account has gone.
    """
    user = await User.get_or_none(id=delivery.payload["user_id"])
    if user is None:
        return None
    trial = await Trial.get_or_none(user_id=user.id)
    plan = app.catalogue.plans[trial.plan_key] if trial else None
    days = _days(plan) if plan else None
    return Draft(
        user=user,
        template="welcome",
        subject=phrase("Welcome to Porchlight"),
        values={
            "name": name_to_greet(user),
            "trial": days,
            "plan": plan.name if plan else None,
            "ends_at": trial.ends_at if trial else None,
            "valid_for": VERIFICATION_LIFETIME,
            "url": None if user.email_verified_at else await _verification(app, user, delivery),
        },
    )


def _days(plan: Plan) -> Phrase:
    return phrases(
        "%(plan)s is yours for %(number)s day.",
        "%(plan)s is yours for %(number)s days.",
        plan.trial_days,
        plan=plan.name,
    )


async def _verification(app: App, user: User, delivery: Delivery) -> str:
    token = await one_time_tokens.issue(
        app,
        Purpose.VERIFY_EMAIL,
        lifetime=VERIFICATION_LIFETIME,
        user_id=user.id,
        address=user.email_key,
        seed=delivery.seed,
    )
    return link(app, Purpose.VERIFY_EMAIL, token)


WELCOMES = Letter(WELCOME, Topic.SECURITY, _compose)
