"""Subscriptions to plans, invoices, and what became of a purchase or a change."""

from datetime import datetime

import strawberry

from core.cursors import encode_cursor, encode_id
from core.errors import NotFound
from models.billing import Invoice as InvoiceRow
from models.billing import InvoiceStatus as InvoiceStatusRow
from models.billing import PlanSubscription as PlanSubscriptionRow
from models.billing import PlanSubscriptionStatus as PlanSubscriptionStatusRow
from schema.billing import Money, Plan
from schema.connections import PageInfo
from schema.context import Info
from schema.enums import described
from schema.nodes import Node
from services.billing import invoices
from services.billing.standing import purchase_of
from services.pages import Page, Rows

PlanSubscriptionStatus = described(
    PlanSubscriptionStatusRow,
    "Where a subscription stands.",
    {
        "INCOMPLETE": "Its first payment has not been made.",
        "TRIALING": "It is free until its first charge.",
        "ACTIVE": "It is paid.",
        "PAST_DUE": "A renewal could not be charged, and is tried again.",
        "PAUSED": "It rests, and costs nothing.",
        "CANCELED": "It is over for good.",
        "UNPAID": "A renewal could not be charged, and is not tried any more.",
    },
)

InvoiceStatus = described(
    InvoiceStatusRow,
    "Where an invoice stands.",
    {
        "DRAFT": "It may still change.",
        "OPEN": "It is to be paid.",
        "PAID": "It is paid.",
        "VOID": "It was withdrawn.",
        "UNCOLLECTIBLE": "Nobody expects it to be paid.",
    },
)


@strawberry.type(description="A subscription to a plan.")
class PlanSubscription(Node):
    """A subscription as it was told last."""

    status: PlanSubscriptionStatus = strawberry.field(description="Where it stands.")  # type: ignore[valid-type]
    currency: str = strawberry.field(description="ISO 4217 code of what it is paid in.")
    current_period_end: datetime | None = strawberry.field(description="When the period ends that runs now.")
    cancel_at_period_end: bool = strawberry.field(description="Whether it ends then.")
    plan_key: strawberry.Private[str | None]

    @strawberry.field(description="The plan.")
    def plan(self, info: Info) -> Plan:
        plan = info.context.app.catalogue.plans.get(self.plan_key or "")
        if plan is None:
            raise NotFound
        return Plan.of(plan)

    @classmethod
    def of(cls, row: PlanSubscriptionRow) -> "PlanSubscription":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("PlanSubscription", row.id)),
            status=row.status,
            currency=row.currency,
            current_period_end=row.period_end,
            cancel_at_period_end=row.cancel_at_period_end,
            plan_key=row.plan_key,
        )


@strawberry.type(description="An invoice.")
class Invoice(Node):
    """An invoice as it was told last."""

    number: str | None = strawberry.field(description="What it is called by; null while it is a draft.")
    status: InvoiceStatus = strawberry.field(description="Where it stands.")  # type: ignore[valid-type]
    total: Money = strawberry.field(description="What it comes to; less than nothing is a credit.")
    created_at: datetime = strawberry.field(description="When it was made.")
    paid_at: datetime | None = strawberry.field(description="When it was paid; null when it was not.")
    hosted_url: str | None = strawberry.field(description="Where it can be read, and paid while it is open.")

    @classmethod
    def of(cls, row: InvoiceRow) -> "Invoice":
        """The row as the API tells it."""
        return cls(
            id=strawberry.ID(encode_id("Invoice", row.id)),
            number=row.number,
            status=row.status,
            total=Money(amount=row.total, currency=row.currency),
            created_at=row.created_at,
            paid_at=row.paid_at,
            hosted_url=row.hosted_url,
        )


@strawberry.type(description="One invoice of a page.")
class InvoiceEdge:
    """An edge of `InvoiceConnection`."""

    cursor: str = strawberry.field(description="Where this invoice stands.")
    node: Invoice = strawberry.field(description="The invoice.")


@strawberry.type(description="Invoices of a user, the newest first.")
class InvoiceConnection:
    """A page of invoices."""

    edges: list[InvoiceEdge] = strawberry.field(description="The page.")
    page_info: PageInfo = strawberry.field(description="What lies beyond it.")
    owner: strawberry.Private[int]

    @strawberry.field(description="How many invoices there are.")
    async def total_count(self) -> int:
        return await invoices.count_of_user(self.owner)

    @classmethod
    def of(cls, found: Rows[InvoiceRow], owner: int) -> "InvoiceConnection":
        """The page as the API tells it."""
        places = [invoices.place_of(row) for row in found.rows]
        edges = [
            InvoiceEdge(cursor=encode_cursor(place), node=Invoice.of(row))
            for row, place in zip(found.rows, places, strict=True)
        ]
        return cls(edges=edges, page_info=PageInfo.of(found, places), owner=owner)


async def subscription_of_user(user_id: int, info: Info) -> PlanSubscription | None:
    """The edge from a user to their subscription. Raises NotFound for who may not see it."""
    info.context.require_sight_of(user_id)
    rows = await info.context.loaders.subscriptions_by_user.load(user_id)
    row = purchase_of(rows, info.context.now)
    return PlanSubscription.of(row) if row else None


async def invoices_of_user(user_id: int, page: Page, info: Info) -> InvoiceConnection:
    """The edge from a user to their invoices. Raises NotFound for who may not see them, BadUserInput."""
    info.context.require_sight_of(user_id)
    return InvoiceConnection.of(await invoices.page_of_user(user_id, page), user_id)
