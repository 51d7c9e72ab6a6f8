"""What a payment provider knows: the card behind a payment method. Billing grows from here."""

from adapters.payments.opening import open_payments
from adapters.payments.port import Card, Payments
from adapters.payments.stripe import StripePayments

__all__ = ["Card", "Payments", "StripePayments", "open_payments"]
