"""What a reviewed case gives: the trial that was held back, or to who was refused the word that they may register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.emails import InvalidEmail, parse_email
from models.accounts import User
from models.fraud import FraudCase, FraudIdentifier
from models.trials import Trial
from services import trials
from services.fraud import lists
from services.fraud.keys import Kind
from services.languages import phrase, phrases
from services.notifications import Delivery, Draft, Letter, Topic, enqueue_letter

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client

CLEARED = "fraud_cleared"
CLEARED_DAYS = 30
"""How long somebody who was refused by mistake may register."""


async def settle(app: App, case: FraudCase, *, confirmed: bool, reviewer: User, client: Client) -> None:
    """Do what the decision says, inside the caller's transaction. A confirmed case stays as it is."""
    if confirmed:
        return
    await FraudIdentifier.filter(assessment_id=case.assessment_id, kind=Kind.HELD).delete()
    user_id = case.assessment.user_id
    user = await User.get_or_none(id=user_id) if user_id is not None else None
    if user is not None:
        await _grant(app, case, user, reviewer)
    elif user_id is None and case.assessment.email:
        email = case.assessment.email
        await lists.let_pass(app, email, case.id, days=CLEARED_DAYS, actor=reviewer, client=client)
        await enqueue_letter(app, CLEARED, {"case": case.id}, dedup_key=f"mail.{CLEARED}:{case.id}")


async def tell(app: App, case: FraudCase) -> None:
    """Tell open countdowns of the trial, once the transaction has committed."""
    if case.assessment.user_id is not None:
        trial = await Trial.get_or_none(user_id=case.assessment.user_id)
        if trial is not None:
            await trials.tell_of(app, trial)


async def _compose(_: App, delivery: Delivery) -> Draft | None:
    """What tells an address that it may register."""
    case = await FraudCase.get_or_none(id=delivery.payload["case"]).select_related("assessment")
    if case is None or not case.assessment.email:
        return None
    try:
        address = parse_email(case.assessment.email)
    except InvalidEmail:
        return None
    nobody = User(email=address.written, email_key=address.key)
    return Draft(
        user=nobody,
        template="notice",
        subject=phrase("You can register at Porchlight now"),
        values={
            "sentence": phrases(
                "Somebody has looked at your sign-up. You are welcome: register again within %(number)s day.",
                "Somebody has looked at your sign-up. You are welcome: register again within %(number)s days.",
                CLEARED_DAYS,
            ),
            "details": {},
            "advice": None,
            "label": None,
            "url": None,
        },
    )


async def _grant(app: App, case: FraudCase, user: User, reviewer: User) -> None:
    """The full trial, whether it was smaller or held back. Nothing when the person has had one elsewhere.

    The person is that of the address that was judged, whatever the account has been moved to.
    """
    if await Trial.exists(user_id=user.id):
        await trials.raise_quota(app, user.id, actor=reviewer)
    elif await trials.begin(app, user, parse_email(case.assessment.email or user.email)):
        await FraudIdentifier.filter(assessment_id=case.assessment_id).update(granted=True)


CLEARED_LETTERS = Letter(CLEARED, Topic.SECURITY, _compose)
