"""What a payment provider knows, and what it tells by webhooks: cards, subscriptions, invoices."""

from adapters.payments.opening import SIMULATED_SECRET, open_payments, simulated_behind
from adapters.payments.port import (
    INVOICE,
    SUBSCRIPTION,
    Card,
    EventSnapshot,
    InvoiceSnapshot,
    Payments,
    SubscriptionPage,
    SubscriptionSnapshot,
    Unreadable,
)
from adapters.payments.selling import (
    Checkout,
    PaymentDeclined,
    PlanChange,
    Price,
    Product,
    Purchase,
    Quote,
    QuoteLine,
    Selling,
    SubscriptionOver,
)
from adapters.payments.signing import is_signed, signature
from adapters.payments.snapshots import API_VERSION, event_of, invoice_of, subscription_of
from adapters.payments.stripe import StripePayments

__all__ = [
    "API_VERSION",
    "INVOICE",
    "SIMULATED_SECRET",
    "SUBSCRIPTION",
    "Card",
    "Checkout",
    "EventSnapshot",
    "InvoiceSnapshot",
    "PaymentDeclined",
    "Payments",
    "PlanChange",
    "Price",
    "Product",
    "Purchase",
    "Quote",
    "QuoteLine",
    "Selling",
    "StripePayments",
    "SubscriptionOver",
    "SubscriptionPage",
    "SubscriptionSnapshot",
    "Unreadable",
    "event_of",
    "invoice_of",
    "is_signed",
    "open_payments",
    "signature",
    "simulated_behind",
    "subscription_of",
]
