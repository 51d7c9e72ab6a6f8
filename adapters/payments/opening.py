"""Which payment provider a URL names."""

from adapters.payments.port import Payments
from adapters.payments.simulated import SimulatedStripe
from adapters.payments.stripe import StripePayments

SIMULATED_KEY = "sk_test_simulated"
SIMULATED_SECRET = "whsec_simulated"  # ruff: ignore[hardcoded-password-string] -- of a server that takes no money
"""What our own server signs webhooks with, where no other secret is set. Production has neither."""
SIMULATED_BASE = "http://stripe.simulated"
"""Never looked up: requests to it do not leave the process."""


def open_payments(url: str, *, api_key: str = "", api_base: str = "") -> Payments:
    """The variant that `url` names, both of them the same adapter.

    `stripe://` asks Stripe with `api_key`, or whoever speaks its API at `api_base`; `simulated://` asks our own
    Stripe-compatible server within this process. Raises ValueError for anything else.
    """
    match url:
        case "stripe://":
            return StripePayments(api_key, base=api_base or None)
        case "simulated://":
            return StripePayments(SIMULATED_KEY, base=SIMULATED_BASE, site=SimulatedStripe())
    raise ValueError("Payments are stripe:// or simulated://, with nothing behind it.")
