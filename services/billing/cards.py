"""The card of a purchase during a trial: one that backs another person's trial begins paid, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from tortoise.expressions import Q

from adapters.payments import SubscriptionOver
from models.billing import PlanSubscription, PlanSubscriptionStatus
from models.fraud import FraudAssessment, FraudIdentifier
from services.billing.applying import apply_subscription
from services.billing.buying import key_of_change
from services.fraud.keys import Kind

if TYPE_CHECKING:
    from services.app import App

log = structlog.get_logger(__name__)


async def check(app: App, payload: dict[str, Any]) -> None:
    """Put the card behind a purchase to the evidence of its user, and see whose else it is. Raises Unavailable.

    What was reused begins paid (`TRIAL_CARD_REUSE=paid`): the trial with the provider ends, and its first charge is
    made. Or the purchase is undone (`refuse`). The first of those who share a card keeps their trial.
    """
    row = await PlanSubscription.get_or_none(
        provider_id=payload["subscription"], status=PlanSubscriptionStatus.TRIALING
    )
    card = None if row is None else await app.payments.card_of(payload["payment_method"])
    if row is None or card is None or card.fingerprint is None:
        return
    if not await _is_reused(app.keys.identity("card", card.fingerprint), row):
        return
    policy = app.settings.trial_card_reuse
    log.warning("billing.card_reused", user_id=row.user_id, policy=policy)
    change = app.payments.end_trial if policy == "paid" else app.payments.cancel
    sent_at = app.clock.now()
    try:
        snapshot = await change(row.provider_id, key=key_of_change(app, row, policy))
    except SubscriptionOver:
        return
    await apply_subscription(app, snapshot, at=sent_at)


async def _is_reused(card: str, row: PlanSubscription) -> bool:
    """Whether the card came before with another person's trial, theirs who have gone included."""
    mine = await FraudAssessment.filter(user_id=row.user_id).order_by("-id").first()
    if mine is not None and not await FraudIdentifier.exists(assessment_id=mine.id, kind=Kind.CARD, hash=card):
        at = row.applied_at
        await FraudIdentifier.create(assessment_id=mine.id, kind=Kind.CARD, hash=card, at=at, granted=True)
    others = Q(assessment__user_id__isnull=True) | ~Q(assessment__user_id=row.user_id)
    first = await FraudIdentifier.filter(kind=Kind.CARD, hash=card, granted=True).order_by("id").first()
    return first is not None and await FraudIdentifier.filter(others, id=first.id).exists()
