"""The tables of billing come and go over a database that people already use."""

from datetime import UTC, datetime
from typing import Any

from models import (
    BillingCustomer,
    CheckoutAttempt,
    Invoice,
    InvoiceStatus,
    PlanSubscription,
    PlanSubscriptionStatus,
    WebhookEvent,
    WebhookState,
)
from tests.coming_and_going import come_and_go
from tests.services.schemas import count, opened

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TABLES = ("billing_customers", "plan_subscriptions", "invoices", "checkout_attempts", "webhook_events")


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the five tables; coming up again leaves them as the models say; invoices outlive users."""
    await come_and_go(empty_database_url, "_billing", TABLES, bought)
    async with opened(empty_database_url) as database, database.transaction():
        await database.execute("DELETE FROM users")
        assert await Invoice.all().values_list("user_id", flat=True) == [None, None]
    assert await count(empty_database_url, *TABLES) == [0, 0, 2, 0, 2]


async def bought(url: str) -> None:
    """A row of each table for each user."""
    async with opened(url) as database:
        for row in await database.rows("SELECT id FROM users ORDER BY id"):
            mine: Any = {"user_id": row["id"], "provider_id": f"id_{row['id']}"}
            async with database.transaction():
                await BillingCustomer.create(**mine, created_at=NOW)
                await PlanSubscription.create(
                    **mine, price_id="p", item_id="i", status=PlanSubscriptionStatus.ACTIVE, currency="EUR",
                    period_start=NOW, period_end=NOW, provider_created_at=NOW, applied_at=NOW,
                )  # fmt: skip
                await Invoice.create(
                    **mine, status=InvoiceStatus.PAID, total=2**53, amount_paid=2**53, currency="KWD", created_at=NOW,
                    applied_at=NOW,
                )  # fmt: skip
                await CheckoutAttempt.create(**mine, key="k", expires_at=NOW)
                await WebhookEvent.create(
                    event_id=f"evt_{row['id']}", type="t", created_at=NOW, received_at=NOW, state=WebhookState.DONE
                )
