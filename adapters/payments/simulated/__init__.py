"""A server that speaks Stripe's API, as far as Porchlight asks it: what `simulated://` means."""

from adapters.payments.simulated.server import SimulatedStripe, Trouble
from adapters.payments.simulated.store import Store

__all__ = ["SimulatedStripe", "Store", "Trouble"]
