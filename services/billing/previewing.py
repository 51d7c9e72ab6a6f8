"""What another plan would cost, asked of the provider, who will write the invoice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.payments import Quote
from core.errors import NotFound
from models.billing import PlanSubscriptionStatus
from services.billing.buying import NotSubscribed, answered, plan_for_sale, subscription_now
from services.billing.changing import change_to, last_invoice

if TYPE_CHECKING:
    from datetime import datetime

    from adapters.payments import QuoteLine
    from models.accounts import User
    from models.billing import PlanSubscription
    from services.app import App
    from services.billing.catalogue import Plan


NOTHING = Quote(total=0, due=0, balance=0, lines=())


@dataclass(frozen=True)
class Preview:
    """A change of plan that has not been made: minor units of one currency.

    `prorated_at` is the moment from which time is counted at the new price.
    """

    currency: str
    due_now: int
    next_charge: int
    next_charge_at: datetime
    lines: tuple[QuoteLine, ...]
    prorated_at: datetime


async def preview_change(app: App, user: User, plan_key: str | None, *, prorated_at: datetime | None) -> Preview:
    """What a change of a user's plan would cost now, and what follows. Raises NotFound, BadUserInput, Unavailable."""
    plan = plan_for_sale(app, plan_key)
    try:
        row, asked = await subscription_now(app, user)
        change = await change_to(app, row, plan, prorated_at, await last_invoice(app, asked))
        now = None if _is_free(row, plan) else await answered(app, row, app.payments.quote(change))
        later = NOTHING if row.cancel_at_period_end else await answered(app, row, app.payments.next_quote(change))
    except NotSubscribed as error:
        raise NotFound from error
    lines = now.lines if now else ()
    begun = [line.period_end for line in lines if line.amount > 0]
    return Preview(
        currency=row.currency,
        due_now=now.due if now else 0,
        next_charge=max(0, later.total + now.balance) if now else later.due,
        next_charge_at=max(begun, default=row.period_end),
        lines=lines,
        prorated_at=change.at,
    )


def _is_free(row: PlanSubscription, plan: Plan) -> bool:
    """Whether a change makes no invoice: during a trial, and to the plan that there is."""
    return row.status is PlanSubscriptionStatus.TRIALING or row.plan_key == plan.key
