"""Purchases for graph edges."""

from adapters.database import found_by
from models.billing import Invoice, PlanSubscription, PlanSubscriptionStatus


async def purchases_by_user(user_ids: list[int]) -> list[tuple[PlanSubscription, ...]]:
    """The subscriptions of each user that are not over."""
    rows = await found_by(PlanSubscription, "user_id", user_ids)
    rows = [row for row in rows if row.status is not PlanSubscriptionStatus.CANCELED]
    return [tuple(row for row in rows if row.user_id == user_id) for user_id in user_ids]


async def subscriptions_by_user(user_ids: list[int]) -> list[tuple[PlanSubscription, ...]]:
    """All subscriptions of each user, those that are over too."""
    rows = await found_by(PlanSubscription, "user_id", user_ids)
    return [tuple(row for row in rows if row.user_id == user_id) for user_id in user_ids]


async def subscriptions_by_id(ids: list[int]) -> list[PlanSubscription | None]:
    """The subscription of each id."""
    rows = {row.id: row for row in await found_by(PlanSubscription, "id", ids)}
    return [rows.get(pk) for pk in ids]


async def invoices_by_id(ids: list[int]) -> list[Invoice | None]:
    """The invoice of each id."""
    rows = {row.id: row for row in await found_by(Invoice, "id", ids)}
    return [rows.get(pk) for pk in ids]
