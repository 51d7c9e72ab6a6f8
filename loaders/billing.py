"""Purchases for graph edges."""

from models.billing import PlanSubscription, PlanSubscriptionStatus


async def purchases_by_user(user_ids: list[int]) -> list[tuple[PlanSubscription, ...]]:
    """The subscriptions of each user that are not over."""
    rows = await PlanSubscription.filter(user_id__in=user_ids).exclude(status=PlanSubscriptionStatus.CANCELED)
    return [tuple(row for row in rows if row.user_id == user_id) for user_id in user_ids]
