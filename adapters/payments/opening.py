"""Which payment provider a URL names."""

from dataclasses import replace
from pathlib import Path

from adapters.payments.port import Payments
from adapters.payments.simulated import LIKE_STRIPES, Rules, SimulatedStripe, Store
from adapters.payments.stripe import StripePayments
from core.clock import Clock

SIMULATED_KEY = "sk_test_simulated"
SIMULATED_SECRET = "whsec_simulated"  # ruff: ignore[hardcoded-password-string] -- of a server that takes no money
"""What our own server signs webhooks with, where no other secret is set. Production has neither."""
SIMULATED_BASE = "http://stripe.simulated"
"""Never looked up: requests to it do not leave the process."""
SIMULATED_FILE = "var/simulated-stripe.sqlite3"
"""What the simulated server remembers, where no other file is named."""


def open_payments(
    url: str,
    *,
    api_key: str = "",
    api_base: str = "",
    clock: Clock | None = None,
    public_url: str = "http://127.0.0.1:8000",
) -> Payments:
    """The variant that `url` names, both of them the same adapter.

    `stripe://` asks Stripe with `api_key`, or whoever speaks its API at `api_base`; `simulated://` asks our own
    Stripe-compatible server within this process, which keeps what it knows in a file, `simulated://FILE` in another
    one. Its time is the clock's, and its pages are at `public_url`. Raises ValueError for anything else.
    """
    scheme, separator, rest = url.partition("://")
    if url == "stripe://":
        return StripePayments(api_key, base=api_base or None)
    if scheme == "simulated" and separator:
        site = SimulatedStripe(clock, store=Store(Path(rest or SIMULATED_FILE)), rules=Rules(public_url))
        site.deliveries.weather = replace(LIKE_STRIPES)
        return StripePayments(SIMULATED_KEY, base=SIMULATED_BASE, site=site)
    raise ValueError("Payments are stripe://, with nothing behind it, or simulated:// and perhaps a file.")


def simulated_behind(payments: Payments) -> SimulatedStripe | None:
    """Our own server, where it answers within this process."""
    site = payments.site if isinstance(payments, StripePayments) else None
    return site if isinstance(site, SimulatedStripe) else None
