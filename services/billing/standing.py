"""What a subscription's row means at a moment: pure functions, so that no job decides who has access."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from models.billing import PlanSubscriptionStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from models.billing import PlanSubscription

GRACE = timedelta(days=7)
"""How long access outlives the first failure of a renewal that we hear of, or an end that we do not hear of."""
OVER = frozenset({PlanSubscriptionStatus.CANCELED})
"""Nothing follows these."""


class Phase(StrEnum):
    """How a subscription is paid."""

    NONE = "NONE"
    """It gives nothing: it has not begun, it is paused, or a trial stands for it."""
    PAID = "PAID"
    GRACE = "GRACE"
    """A renewal has failed, and the provider tries again."""
    LAPSED = "LAPSED"
    """It was not paid in time, or it has ended."""


def phase(row: PlanSubscription, now: datetime) -> Phase:
    """The phase at `now`.

    What is active is paid until we are told otherwise, however late that is; only what was going to end by itself ends
    without being told, after the grace.
    """
    match row.status:
        case PlanSubscriptionStatus.ACTIVE:
            return Phase.LAPSED if row.cancel_at_period_end and now >= row.period_end + GRACE else Phase.PAID
        case PlanSubscriptionStatus.PAST_DUE:
            return Phase.GRACE if now < _late_since(row) + GRACE else Phase.LAPSED
        case PlanSubscriptionStatus.UNPAID | PlanSubscriptionStatus.CANCELED:
            return Phase.LAPSED
    return Phase.NONE


def gives_access(row: PlanSubscription, now: datetime) -> bool:
    """Whether it gives its plan at `now`."""
    return phase(row, now) in {Phase.PAID, Phase.GRACE}


def next_change(row: PlanSubscription, now: datetime) -> datetime | None:
    """The next moment after `now` at which time alone ends access; None when it never will."""
    if not gives_access(row, now):
        return None
    if row.status is PlanSubscriptionStatus.PAST_DUE:
        return _late_since(row) + GRACE
    return row.period_end + GRACE if row.cancel_at_period_end else None


def purchase_of(rows: Iterable[PlanSubscription], now: datetime) -> PlanSubscription | None:
    """The one that counts of a user's subscriptions: what gives access, then what is not over, then the newest."""
    return max(
        rows,
        key=lambda row: (gives_access(row, now), row.status not in OVER, row.provider_created_at, row.id),
        default=None,
    )


def _late_since(row: PlanSubscription) -> datetime:
    return row.past_due_since or row.applied_at
