"""Passwords known from breaches, asked for without telling which one is meant."""

from adapters.breaches.opening import open_breaches
from adapters.breaches.port import Breaches
from adapters.breaches.ranges import RangeBreaches
from adapters.breaches.unasked import UnaskedBreaches

__all__ = ["Breaches", "RangeBreaches", "UnaskedBreaches", "open_breaches"]
