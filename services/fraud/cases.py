"""Cases: sign-ups that a person should look at, each decided once."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.errors import Forbidden, NotFound, Refusal
from models.accounts import User
from models.fraud import FraudAssessment, FraudCase, FraudIdentifier
from services import access, audit, jobs
from services.access import Permission
from services.audit import Action
from services.fraud import granting
from services.fraud.keys import STRONG
from services.fraud.scoring import Decision
from services.pages import Page, Rows, newest_first

if TYPE_CHECKING:
    from services.app import App
    from services.sessions import Client

MOST_LINKED = 1000
"""Accounts that are counted as linked to one case."""


class CaseStatus(StrEnum):
    """Where a case stands, in the contract's spelling."""

    OPEN = "OPEN"
    CONFIRMED = "CONFIRMED"
    DISMISSED = "DISMISSED"


class CaseAlreadyClosed(Refusal):
    """Somebody has decided this case."""

    message = "This case has been decided."


async def page_of_cases(
    actor: User, page: Page, *, status: CaseStatus | None, decision: Decision | None = None
) -> tuple[Rows[FraudCase], int]:
    """A page of cases, the newest first, and how many there are in all. Two queries. Raises Forbidden."""
    _require(actor)
    wanted = {"status": status, "assessment__decision": decision}
    found = FraudCase.filter(**{name: value for name, value in wanted.items() if value is not None})
    return await newest_first(found.select_related("assessment"), page), await found.count()


async def find(case_id: int) -> FraudCase | None:
    """A case with its assessment."""
    return await FraudCase.get_or_none(id=case_id).select_related("assessment")


async def linked_users(assessment: FraudAssessment, page: Page) -> tuple[Rows[User], int]:
    """A page of the accounts that share a strong key with a sign-up, the newest first, and how many. Four queries."""
    strong = FraudIdentifier.filter(kind__in=STRONG)
    hashes = await strong.filter(assessment_id=assessment.id).values_list("hash", flat=True)
    sharing = strong.filter(hash__in=hashes, assessment__user_id__not_isnull=True)
    ids: set[Any] = set(await sharing.order_by("-id").limit(MOST_LINKED).values_list("assessment__user_id", flat=True))
    found = User.filter(id__in=ids - {assessment.user_id})
    return await newest_first(found, page), await found.count()


async def review(app: App, case_id: int, *, confirm: bool, note: str | None, actor: User, client: Client) -> FraudCase:
    """Decide a case; of two who do so at once, one. Dismissing it gives what had been held back.

    Raises Forbidden, NotFound, CaseAlreadyClosed.
    """
    _require(actor)
    status = CaseStatus.CONFIRMED if confirm else CaseStatus.DISMISSED
    async with app.database.transaction():
        decided = await FraudCase.filter(id=case_id, status=CaseStatus.OPEN).update(
            status=status, closed_at=app.clock.now(), reviewer_id=actor.id, note=note
        )
        case = await find(case_id)
        if case is None:
            raise NotFound
        if not decided:
            raise CaseAlreadyClosed
        await granting.settle(app, case, confirmed=confirm, reviewer=actor, client=client)
        await audit.record(
            app,
            Action.FRAUD_CASE_REVIEWED,
            actor=actor,
            user_id=case.assessment.user_id,
            subject=f"FraudCase:{case.id}",
            client=client,
            status=status,
        )
    await jobs.wake(app)
    await granting.tell(app, case)
    return case


def _require(actor: User) -> None:
    if not access.has_permission(actor, Permission.REVIEW_FRAUD):
        raise Forbidden
