"""A server that speaks Stripe's API, as far as Porchlight asks it: what `simulated://` means."""

from adapters.payments.simulated.delivery import LIKE_STRIPES, Endpoint, Weather
from adapters.payments.simulated.pages import PREFIX
from adapters.payments.simulated.server import SimulatedStripe, Trouble
from adapters.payments.simulated.store import Rules, Store

__all__ = ["LIKE_STRIPES", "PREFIX", "Endpoint", "Rules", "SimulatedStripe", "Store", "Trouble", "Weather"]
