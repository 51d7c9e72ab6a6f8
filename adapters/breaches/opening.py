"""Which list a URL names."""

from adapters.breaches.port import Breaches
from adapters.breaches.ranges import RangeBreaches
from adapters.breaches.unasked import UnaskedBreaches


def open_breaches(url: str) -> Breaches:
    """The list behind `url`, which speaks the range API of Have I Been Pwned; nobody is asked when it is empty."""
    return RangeBreaches(url) if url else UnaskedBreaches()
