"""The tables of billing come and go over a database that people already use."""

from datetime import UTC, datetime
from typing import Any

from adapters.database import pending
from adapters.database.migrating import downgrade, migrate
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
from tests.services.schemas import count, opened, shapes_of
from tests.test_migrations import seed

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TABLES = ("billing_customers", "plan_subscriptions", "invoices", "checkout_attempts", "webhook_events")


async def test_up_down_up_over_rows(empty_database_url: str) -> None:
    """Going back takes the five tables; coming up again leaves them as the models say; invoices outlive users."""
    url = empty_database_url
    names = await pending(url)
    name = next(each for each in names if each.endswith("_billing"))
    before, after = names[: names.index(name)], names[names.index(name) :]
    await migrate(url)
    whole = await shapes_of(url)
    await seed(url)
    await bought(url)
    assert await count(url, "users", *TABLES) == [2, 2, 2, 2, 2, 2]
    assert await downgrade(url, before[-1]) == after[::-1]
    assert not set(TABLES) & (await shapes_of(url)).keys()
    assert await count(url, "users", "trials") == [2, 2]
    assert await migrate(url) == after
    assert await shapes_of(url) == whole
    assert await count(url, "users", *TABLES) == [2, 0, 0, 0, 0, 0]
    await bought(url)
    async with opened(url) as database, database.transaction():
        await database.execute("DELETE FROM users")
        assert await Invoice.all().values_list("user_id", flat=True) == [None, None]
    assert await count(url, *TABLES) == [0, 0, 2, 0, 2]


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
