"""Stripe's shapes of API version 2026-10-28, read: answers and the objects within webhooks alike.

What lacks a field that is read here raises KeyError, TypeError or ValueError.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.payments.port import INVOICE, SUBSCRIPTION, EventSnapshot, InvoiceSnapshot, SubscriptionSnapshot

API_VERSION = "2026-10-28.endive"
"""What the shapes read here are written for; a newer SDK does not move it."""

Shape = Mapping[str, Any]


def subscription_of(shape: Shape) -> SubscriptionSnapshot:
    """A subscription. Since version 2025-03-31 its period stands on its items."""
    item = shape["items"]["data"][0]
    return SubscriptionSnapshot(
        id=shape["id"],
        customer_id=_required_id(shape["customer"]),
        status=shape["status"],
        price_id=item["price"]["id"],
        lookup_key=item["price"].get("lookup_key"),
        price_metadata=dict(item["price"].get("metadata") or {}),
        item_id=item["id"],
        currency=shape["currency"].upper(),
        period_start=time_of(item["current_period_start"]),
        period_end=time_of(item["current_period_end"]),
        cancel_at_period_end=bool(shape["cancel_at_period_end"]) or _ends_by(shape.get("cancel_at"), item),
        canceled_at=_time_or_none(shape.get("canceled_at")),
        trial_end=_time_or_none(shape.get("trial_end")),
        created=time_of(shape["created"]),
        latest_invoice_id=_id(shape.get("latest_invoice")),
        default_payment_method=_id(shape.get("default_payment_method")),
        metadata=dict(shape.get("metadata") or {}),
        change_waits=bool(shape.get("pending_update")),
    )


def invoice_of(shape: Shape) -> InvoiceSnapshot:
    """An invoice. Since version 2025-03-31 its subscription stands on its parent."""
    return InvoiceSnapshot(
        id=shape["id"],
        customer_id=_required_id(shape["customer"]),
        subscription_id=_subscription_behind(shape),
        number=shape.get("number"),
        status=shape["status"],
        total=amount_of(shape["total"]),
        amount_due=amount_of(shape["amount_due"]),
        amount_paid=amount_of(shape["amount_paid"]),
        currency=shape["currency"].upper(),
        created=time_of(shape["created"]),
        paid_at=_time_or_none((shape.get("status_transitions") or {}).get("paid_at")),
        hosted_url=shape.get("hosted_invoice_url"),
        billing_reason=shape.get("billing_reason"),
        attempt_count=shape.get("attempt_count") or 0,
    )


def event_of(shape: Shape) -> EventSnapshot:
    """An event, and what it asks to look at."""
    subject = shape["data"]["object"]
    kind, identity = _looked_at(subject)
    return EventSnapshot(
        id=_text(shape["id"]),
        type=_text(shape["type"]),
        created=time_of(shape["created"]),
        api_version=shape.get("api_version"),
        object_id=identity,
        object_kind=kind,
        customer_id=_id(subject.get("customer")),
        livemode=bool(shape["livemode"]),
    )


def _ends_by(moment: Any, item: Shape) -> bool:
    """Whether an end has been set for this period: the portal does that, and leaves the flag as it is.

    What ends in a later period is renewed until then.
    """
    return moment is not None and time_of(moment) <= time_of(item["current_period_end"])


def _looked_at(shape: Shape) -> tuple[str | None, str | None]:
    """An invoice that is only foreseen has no id yet: there is nothing to look at."""
    kind, identity = {
        "subscription": (SUBSCRIPTION, _id(shape.get("id"))),
        "invoice": (INVOICE, _id(shape.get("id"))),
        "checkout.session": (SUBSCRIPTION, _id(shape.get("subscription"))),
    }.get(shape.get("object", ""), (None, None))
    return (kind, identity) if identity else (None, None)


def _subscription_behind(shape: Shape) -> str | None:
    parent = shape.get("parent") or {}
    return _id((parent.get("subscription_details") or {}).get("subscription"))


def _id(found: Any) -> str | None:
    """An id, whether the object stands there expanded or not."""
    return None if found is None else _required_id(found)


def _required_id(found: Any) -> str:
    return _text(found["id"] if isinstance(found, Mapping) else found)


def _text(found: Any) -> str:
    if not isinstance(found, str) or not found:
        raise ValueError("A text would be right.")
    return found


def amount_of(found: Any) -> int:
    """Money is whole minor units: half a cent, or a float, is nobody's."""
    if type(found) is not int:
        raise ValueError("A whole number of minor units would be right.")
    return found


def time_of(found: Any) -> datetime:
    """A moment, of Unix seconds."""
    return datetime.fromtimestamp(amount_of(found), UTC)


def _time_or_none(found: Any) -> datetime | None:
    return None if found is None else time_of(found)
