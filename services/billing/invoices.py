"""Invoices as their payer reads them, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tortoise.expressions import Q

from models.billing import Invoice
from services.pages import cut

if TYPE_CHECKING:
    from core.cursors import Place
    from services.pages import Page, Rows


def place_of(row: Invoice) -> Place:
    """Where an invoice stands: by the second in which it was made, which may be that of others."""
    return (int(row.created_at.timestamp()), row.id)


async def page_of_user(user_id: int, page: Page) -> Rows[Invoice]:
    """A page of a user's invoices. One query."""
    found = Invoice.filter(user_id=user_id)
    if page.after:
        at, row_id = _moment(page.after), page.after[1]
        found = found.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=row_id))
    if page.before:
        at, row_id = _moment(page.before), page.before[1]
        found = found.filter(Q(created_at__gt=at) | Q(created_at=at, id__gt=row_id))
    order = ("-created_at", "-id") if page.forward else ("created_at", "id")
    return cut(await found.order_by(*order).limit(page.size + 1), page)


async def count_of_user(user_id: int) -> int:
    """How many invoices a user has."""
    return await Invoice.filter(user_id=user_id).count()


def _moment(place: Place) -> datetime:
    return datetime.fromtimestamp(int(place[0]), UTC)
