"""What was bought during a trial: its first charge is the provider's, and is due when the trial ended at that time.

So no trial is moved or canceled beside it. What was bought is looked at in the transaction that changes the trial,
where a purchase that is written down meanwhile overtakes the change. What was not heard of yet is asked for beforehand:
the page of payment, which is closed when nobody has paid on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.billing import CheckoutAttempt, PlanSubscription, PlanSubscriptionStatus

if TYPE_CHECKING:
    from core.errors import Refusal
    from services.app import App

CHARGED = frozenset({
    PlanSubscriptionStatus.TRIALING,
    PlanSubscriptionStatus.ACTIVE,
    PlanSubscriptionStatus.PAST_DUE,
})  # fmt: skip
"""The provider charges for these, or will."""


async def require_nothing_bought(user_id: int, refusal: Refusal, *, but_ending: bool) -> None:
    """Raise `refusal` for who has a subscription that is or will be charged.

    With `but_ending`, one that ends with its period does not count: it charges nobody, unless its owner resumes it.
    """
    bought = PlanSubscription.filter(user_id=user_id, status__in=CHARGED)
    if await (bought.filter(cancel_at_period_end=False) if but_ending else bought).exists():
        raise refusal


async def close_page(app: App, user_id: int, refusal: Refusal) -> None:
    """Close a user's page of payment, on which the trial's present end is the day of the first charge.

    Raises `refusal` when they have bought on it, which nobody has told us yet, and Unavailable.
    """
    attempt = await CheckoutAttempt.get_or_none(user_id=user_id)
    if attempt is None or attempt.provider_id is None:
        return
    page = await app.payments.checkout(attempt.provider_id)
    if page is not None and page.status == "open":
        await app.payments.expire_checkout(page.id)
        page = await app.payments.checkout(page.id)  # it may have been paid just then
    if page is None or page.subscription_id is None:
        return
    if not await PlanSubscription.exists(provider_id=page.subscription_id):
        raise refusal
