"""What a payment provider knows, and what it tells by webhooks: cards, subscriptions, invoices."""

from adapters.payments.opening import open_payments
from adapters.payments.port import (
    INVOICE,
    SUBSCRIPTION,
    Card,
    EventSnapshot,
    InvoiceSnapshot,
    Payments,
    SubscriptionSnapshot,
)
from adapters.payments.snapshots import event_of, invoice_of, subscription_of
from adapters.payments.stripe import StripePayments

__all__ = [
    "INVOICE",
    "SUBSCRIPTION",
    "Card",
    "EventSnapshot",
    "InvoiceSnapshot",
    "Payments",
    "StripePayments",
    "SubscriptionSnapshot",
    "event_of",
    "invoice_of",
    "open_payments",
    "subscription_of",
]
