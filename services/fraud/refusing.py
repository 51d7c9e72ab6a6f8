"""What somebody is told whose sign-up is stopped: a challenge, or a refusal with a way to appeal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from core.errors import Refusal
from models.fraud import FraudAssessment, FraudCase
from models.one_time_tokens import Purpose
from services import one_time_tokens
from services.challenges import ChallengeKind
from services.fraud import proving
from services.fraud.checking import Checked, keep
from services.fraud.scoring import NOTABLE, Decision, asked_for

if TYPE_CHECKING:
    from services.app import App

APPEAL_LIFETIME = timedelta(days=30)


class FraudSuspected(Refusal):
    """The sign-up is refused. `reasons` are families of signals, and name nobody."""

    message = (
        "We cannot open an account for you now. If you think that this is wrong, appeal: a person will look at it."
    )

    def __init__(self, reasons: list[str], appeal_token: str | None) -> None:
        super().__init__()
        self.reasons = reasons
        self.appeal_token = appeal_token


async def refuse(app: App, checked: Checked) -> NoReturn:
    """Write down a sign-up that was stopped, and tell so. Its own transaction has been rolled back.

    Raises ChallengeRequired, FraudSuspected.
    """
    async with app.database.transaction():
        row = await keep(app, checked, user_id=None)
        token = await _appeal_token(app, row)
    if checked.verdict.decision is Decision.CHALLENGE:
        sign_up, kind = checked.sign_up, ChallengeKind(asked_for(checked.verdict.reasons))
        await proving.ask(app, client=sign_up.client, address=sign_up.address, kind=kind)
    families = {reason.signal.family for reason in checked.verdict.reasons if reason.weight >= NOTABLE}
    raise FraudSuspected(sorted(family.name for family in families), token)


async def _appeal_token(app: App, row: FraudAssessment) -> str | None:
    """What an appeal is written with; None where there is no case, as after a challenge."""
    case = await FraudCase.get_or_none(assessment_id=row.id)
    if case is None:
        return None
    return await one_time_tokens.issue(app, Purpose.APPEAL, lifetime=APPEAL_LIFETIME, data={"case": case.id})
